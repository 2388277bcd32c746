"""How the command line writes the terms of calls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from creditgate._types.call import CallLeg, CallTerms, FailureHandling, FinalAction

_HANDLINGS = {each.value.lower().replace("_", "-"): each for each in FailureHandling}
_ACTIONS = {each.value.lower(): each for each in FinalAction}
_TERMS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "max": ("max_duration_seconds", int),
    "renew-before": ("renew_before_seconds", float),
    "warn-before": ("warn_before_seconds", float),
    "final": ("final_action", _ACTIONS.__getitem__),
    "target": ("redirect_target", str),
    "on-reserve-failure": ("on_reserve_failure", _HANDLINGS.__getitem__),
    "on-extend-failure": ("on_extend_failure", _HANDLINGS.__getitem__),
    "offline": ("offline_allowance_seconds", int),
}


class Calls(click.ParamType[CallTerms]):
    """Terms of calls on the command line: `max=3600,final=redirect,target=desk,offline=30`."""

    name = "term=value,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> CallTerms:
        """Check that the text is terms with commas between."""
        terms: dict[str, Any] = {}
        for word in value.split(","):
            term, equals, text = word.partition("=")
            if not equals or term not in _TERMS:
                self.fail(f"{word!r} is no term=value: {', '.join(_TERMS)}", param, ctx)
            name, read = _TERMS[term]
            try:
                terms[name] = read(text)
            except (ValueError, KeyError):
                self.fail(f"{word!r} has no such value", param, ctx)
        return CallTerms(**terms)


CALLS = click.option("--calls", type=Calls(), help="How calls run: max=3600,offline=30.")
GATEWAY = click.option("--gateway", default="", help="The gateway that carries the call.")
EPOCH = click.option("--epoch", type=int, help="A number that grows with each start of it.")


def leg(gateway: str, epoch: int | None) -> CallLeg | None:
    """The gateway of a call, where one is given; both or neither."""
    if bool(gateway) != (epoch is not None):
        raise click.UsageError("--gateway and --epoch, both or neither")
    return CallLeg(gateway, epoch) if epoch is not None else None
