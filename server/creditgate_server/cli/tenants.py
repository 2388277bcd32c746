"""`creditgate-server tenants`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import click

from creditgate_server.cli.output import json_option, print_json, print_rows
from creditgate_server.cli.store import database
from creditgate_server.postgres.keys import PostgresKeys, Tenant


@click.group()
def tenants() -> None:
    """Those who run agents or gateways: they own accounts and API keys."""


@tenants.command("create")
@click.argument("name")
@json_option
def create(name: str, *, as_json: bool) -> None:
    """Make a tenant; the same name again answers the one there is."""
    tenant, made = asyncio.run(_ensure(name))
    if as_json:
        print_json({**tenant._asdict(), "created": made})
    else:
        click.echo(f"{'made' if made else 'there is'} tenant {tenant.name} ({tenant.tenant_id})")
        if made:
            click.echo(f"next: creditgate-server keys create {tenant.name}")


@tenants.command("list")
@json_option
def list_(*, as_json: bool) -> None:
    """List all tenants."""
    rows = [tenant._asdict() for tenant in asyncio.run(_list())]
    print_rows(rows, as_json=as_json, empty="no tenants; make one with `tenants create NAME`")


async def _ensure(name: str) -> tuple[Tenant, bool]:
    async with database() as pool:
        return await PostgresKeys(pool).ensure_tenant(name)


async def _list() -> Sequence[Tenant]:
    async with database() as pool:
        return await PostgresKeys(pool).list_tenants()
