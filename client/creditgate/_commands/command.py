"""The command `creditgate`: how it connects, what every command can do, how it fails."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, fields
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
from click.shell_completion import get_completion_class

from creditgate._base import TLS
from creditgate._commands.output import to_json
from creditgate._environment import find_connection
from creditgate._errors import CreditgateError, OutcomeUnknown, Unauthenticated, Unavailable
from creditgate._sync.client import Client
from creditgate._types.account import PlanVersion
from creditgate._types.amount import to_micros
from creditgate._types.budget import Budget, BudgetPeriod
from creditgate._types.hold import Attributes
from creditgate._types.threshold import Threshold

EXIT_ERROR, EXIT_DENIED, EXIT_UNKNOWN = 1, 3, 4
HELP = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True)
class Session:
    """What every command needs: the client, and how to answer."""

    client: Client
    as_json: bool

    def show(self, answer: Any, *lines: str) -> None:
        """Print an answer: as JSON where asked, else these lines."""
        if self.as_json or lines:
            click.echo(to_json(answer) if self.as_json else "\n".join(lines))


def name_or_new(name: str | None, *, of: str) -> str:
    """The name given, or one made up: told at once, since it is what to try again with."""
    if name is None:
        name = str(uuid.uuid4())
        click.echo(f"{of} {name}", err=True)
    return name


class Credits(click.ParamType[Decimal]):
    """Credits on the command line: `5`, `0.25`."""

    name = "credits"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Decimal:
        """Check that the text is an amount of credits."""
        try:
            to_micros(value)
        except (ValueError, TypeError) as error:
            self.fail(str(error).removeprefix("amount is "), param, ctx)
        return Decimal(value)


class Plans(click.ParamType[PlanVersion]):
    """A version of a plan on the command line: `pro@1`."""

    name = "plan@version"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> PlanVersion:
        """Check that the text names a version of a plan."""
        try:
            return PlanVersion.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Budgets(click.ParamType[Budget]):
    """A budget on the command line: `calls,attribute=call_id,together=yes,open-holds-max=3`."""

    name = "name,term=value,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Budget:
        """Check that the text names a budget and its terms."""
        name, *words = value.split(",")
        terms: dict[str, Any] = {}
        for word in words:
            term, equals, text = word.partition("=")
            if not equals or term not in _TERMS:
                self.fail(f"{word!r} is no term=value: {', '.join(_TERMS)}", param, ctx)
            try:
                terms[term.replace("-", "_")] = _TERMS[term](text)
            except (ValueError, TypeError, KeyError):
                self.fail(f"{word!r} has no such value", param, ctx)
        return Budget.of(name, **terms)


def _credits(text: str) -> Decimal:
    to_micros(text)
    return Decimal(text)


_TERMS: dict[str, Callable[[str], Any]] = {
    "attribute": str,
    "value": str,
    "together": {"yes": True, "no": False}.__getitem__,
    "period": lambda text: BudgetPeriod[text.upper()],
    "spend-max": _credits,
    "open-holds-max": int,
}


class Alerts(click.ParamType[tuple[Threshold, ...]]):
    """Thresholds on the command line: `20%,5`, or `none`."""

    name = "alerts"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[Threshold, ...]:
        """Check that the text is thresholds with commas between."""
        if value == "none":
            return ()
        try:
            return tuple(map(Threshold.parse, value.split(",")))
        except (ValueError, TypeError) as error:
            self.fail(str(error), param, ctx)


CREDITS = Credits()
PLAN = Plans()
BUDGET = Budgets()
ACCOUNT = click.argument("account")
HOLD = click.argument("hold")
ATTRIBUTES = [each.name for each in fields(Attributes)]
POLICIES = ["cap", "debt", "deny"]
ALERTS = click.option(
    "--alerts", type=Alerts(), help="Balances to alert at, such as 20%,5; or none."
)
OVERDRAFT = click.option("--overdraft", type=CREDITS, help="How far below zero it may go.")
POLICY = click.option("--policy", type=click.Choice(POLICIES), help="What overruns become.")
LABEL = click.option(
    "--label", "labels", multiple=True, metavar="KEY=VALUE", help="Kept with it; repeatable."
)
ATTRIBUTE = click.option(
    "--attribute", "attributes", multiple=True, metavar="NAME=VALUE", help="Such as agent=bob."
)


def described(attributes: tuple[str, ...]) -> Attributes:
    """The attributes of a command line."""
    given = {}
    for attribute in attributes:
        name, equals, value = attribute.partition("=")
        if not equals or name not in ATTRIBUTES:
            problem = f"{attribute!r} is not NAME=VALUE, of {', '.join(ATTRIBUTES)}"
            raise click.BadParameter(problem, param_hint="--attribute")
        given[name] = value
    return Attributes(**given)


def pairs(labels: tuple[str, ...]) -> dict[str, str]:
    """The labels of a command line."""
    found = {}
    for label in labels:
        key, equals, value = label.partition("=")
        if not equals:
            raise click.BadParameter(f"{label!r} is not KEY=VALUE", param_hint="--label")
        found[key] = value
    return found


def command(function: Callable[..., None]) -> click.Command:
    """Make a command that gets the session and may be asked for JSON."""
    as_json = click.option("--json", "as_json", is_flag=True, help="Answer as JSON.")

    @click.pass_context
    def run(context: click.Context, /, *, as_json: bool, **arguments: Any) -> None:
        with _connected(context.obj, as_json=as_json) as session:
            function(session, **arguments)

    run.__doc__ = function.__doc__
    run.__dict__.update(function.__dict__)
    name = function.__name__.strip("_").replace("_", "-")
    return click.command(name, context_settings=HELP)(as_json(run))


@click.group(context_settings=HELP)
@click.version_option(package_name="creditgate")
@click.option("--target", envvar="CREDITGATE_TARGET", help="host:port of the service.")
@click.option("--api-key", envvar="CREDITGATE_API_KEY", help="Better given in the environment.")
@click.option("--tls", is_flag=True, help="Connect with TLS.")
@click.option("--tls-ca", type=click.Path(exists=True), help="PEM of who signs the server.")
@click.option("--tls-cert", type=click.Path(exists=True), help="PEM of the client certificate.")
@click.option("--tls-key", type=click.Path(exists=True), help="PEM of its private key.")
@click.option(
    "--patience", type=float, default=5.0, show_default=True, help="Seconds to keep trying."
)
@click.pass_context
def creditgate(context: click.Context, /, **connection: Any) -> None:
    """Reserve, charge and watch credits.

    Finds the service and the key in CREDITGATE_TARGET and CREDITGATE_API_KEY, else in what a local
    `creditgate-server dev` wrote to .creditgate/env here or above.

    Amounts are credits, such as 5 or 0.25. Exit status: 0 done, 1 error, 2 wrong usage, 3 denied,
    4 outcome unknown (the same command again tells).
    """
    context.obj = connection


@creditgate.command(context_settings=HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes a shell complete this command.

    For example: creditgate completion bash >> ~/.bashrc
    """
    kind = get_completion_class(shell)
    assert kind is not None, "click knows these shells"
    click.echo(kind(creditgate, {}, "creditgate", "_CREDITGATE_COMPLETE").source())


@contextmanager
def _connected(connection: dict[str, Any], *, as_json: bool) -> Any:
    """A session for one command; its errors become one line and an exit status."""
    found = find_connection(os.environ, cwd=Path.cwd())
    target = connection["target"] or found.target
    if not target:
        raise click.ClickException(
            "no target: give --target or set CREDITGATE_TARGET, or start `creditgate-server dev` "
            "here and try again"
        )
    same = target == found.target
    source = found.source if same else "--target"
    key = connection["api_key"] or (found.api_key if same else None)
    try:
        with Client(
            target, api_key=key, tls=_tls(connection), patience_seconds=connection["patience"]
        ) as client:
            yield Session(client, as_json)
    except CreditgateError as error:
        click.echo(_explain(error, target=target, source=source), err=True)
        raise SystemExit(
            EXIT_UNKNOWN if isinstance(error, OutcomeUnknown) else EXIT_ERROR
        ) from None
    except ValueError as error:
        raise click.ClickException(str(error)) from None


def _explain(error: CreditgateError, *, target: str, source: str) -> str:
    """An error, and what may help."""
    text = f"Error: {error}"
    if isinstance(error, Unavailable) and error.reason in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}:
        return f"{text}\nIs a server running at {target}? (from {source})"
    if isinstance(error, Unauthenticated):
        return f"{text}\nThe API key was looked for in {source}."
    return text


def _tls(connection: dict[str, Any]) -> TLS | None:
    files = {
        "root_certificates": connection["tls_ca"],
        "certificate_chain": connection["tls_cert"],
        "private_key": connection["tls_key"],
    }
    return TLS.from_files(**files) if connection["tls"] or any(files.values()) else None
