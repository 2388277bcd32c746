"""`creditgate-server rebuild-usage`."""

from __future__ import annotations

import asyncio

import click

from creditgate_server.cli.output import json_option, print_json
from creditgate_server.cli.store import database
from creditgate_server.domain.account_keys import BUCKETS, AccountKey, account_key
from creditgate_server.postgres.keys import PostgresKeys
from creditgate_server.postgres.pool import Pool
from creditgate_server.postgres.usage_sums import PostgresUsageSums

_LIMIT = 1_000
# Another process may be at the same account.
_WAIT_SECONDS = 0.05


@click.command("rebuild-usage")
@click.option("--tenant", help="The name of the tenant whose account it is.")
@click.option("--account", help="Only this account, by the tenant's own name for it.")
@json_option
def rebuild_usage(*, tenant: str | None, account: str | None, as_json: bool) -> None:
    """Forget the sums that reports are quick by, and work them out from the ledger again.

    Reports are right all the while, and slow for the account that is being worked on. What was
    taken out of the archive cannot be summed up again: such accounts are left as they are.
    """
    if (tenant is None) != (account is None):
        raise click.UsageError("--tenant and --account go together")
    accounts = asyncio.run(_rebuild(tenant, account))
    if as_json:
        print_json({"accounts": accounts})
    else:
        click.echo(f"summed up {accounts} accounts again")


async def _rebuild(tenant: str | None, account: str | None) -> int:
    async with database() as pool:
        sums, accounts = PostgresUsageSums(pool), 0
        wanted = await _named(pool, tenant, account) if tenant and account else None
        for bucket in range(BUCKETS):
            for each in await sums.summed(bucket):
                if wanted in {None, each}:
                    await _rebuild_account(sums, each)
                    accounts += 1
        return accounts


async def _named(pool: Pool, tenant: str, account: str) -> AccountKey:
    found = await PostgresKeys(pool).find_tenant(tenant)
    if found is None:
        raise click.ClickException(f"there is no tenant {tenant}")
    return account_key(found.tenant_id, account)


async def _rebuild_account(sums: PostgresUsageSums, account: AccountKey) -> None:
    version = await sums.forget(account)
    while await sums.through(account) < version:
        if not await sums.roll_up(account, limit=_LIMIT):
            await asyncio.sleep(_WAIT_SECONDS)
