"""`creditgate-server migrate` and `creditgate-server verify`."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import click

from creditgate_server import migrate as migrations
from creditgate_server.cli.output import json_option, print_json, print_rows
from creditgate_server.cli.store import database, database_url
from creditgate_server.postgres.errors import connecting
from creditgate_server.postgres.sweeps import RULES, PostgresSweeps, Violation


@click.command()
@click.option("--check", is_flag=True, help="Apply nothing; fail when something is lacking.")
@json_option
def migrate(*, check: bool, as_json: bool) -> None:
    """Bring the database to this version's schema; safe while servers serve."""
    if check:
        _check(as_json=as_json)
        return
    # Progress is for people to watch; with --json it goes where it disturbs no program.
    log = partial(click.echo, err=as_json)
    with migrating():
        report = asyncio.run(migrations.migrate(database_url(), log=log))
    if as_json:
        print_json({"applied": report.applied, "version": report.version})
    elif not report.applied:
        click.echo(f"nothing to do: the database is at version {report.version}")


@click.command()
@json_option
def verify(*, as_json: bool) -> None:
    """Prove every rule of the ledger on every account; fails when one is broken."""
    violations = asyncio.run(_verify())
    rows = [violation._asdict() for violation in violations]
    if as_json:
        counts = Counter(violation.rule for violation in violations)
        print_json({"rules": {rule: counts[rule] for rule in RULES}, "violations": rows})
    else:
        print_rows(rows, as_json=False, empty=f"all {len(RULES)} rules hold for every account")
    if violations:
        accounts = len({violation.account_key for violation in violations})
        raise click.ClickException(f"{len(rows)} violations in {accounts} accounts")


@contextmanager
def migrating() -> Iterator[None]:
    """Tell what the migration runner, or its connection, has to complain of."""
    try:
        with connecting():
            yield
    except migrations.MigrationError as error:
        raise click.ClickException(str(error)) from error


def _check(*, as_json: bool) -> None:
    with migrating():
        lacking = asyncio.run(migrations.pending(database_url()))
    if as_json:
        print_json({"pending": lacking})
    elif not lacking:
        click.echo("nothing is lacking")
    if lacking:
        raise click.ClickException(f"the database lacks {', '.join(lacking)}")


async def _verify() -> Sequence[Violation]:
    async with database() as pool:
        return await PostgresSweeps(pool).verify()
