"""`creditgate-server keys`."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import click

from creditgate_server.cli.output import json_option, print_json, print_rows
from creditgate_server.cli.periods import period
from creditgate_server.cli.store import database, key_pepper
from creditgate_server.domain.keys import KeyRecord, NewKey, Scope
from creditgate_server.postgres.keys import KeySummary, PostgresKeys, Tenant

_SCOPES = [str(scope) for scope in Scope]


class Rotation(NamedTuple):
    """A key's successor, and when the key itself ends."""

    key: NewKey
    old_ends_at: datetime


@click.group()
def keys() -> None:
    """API keys: kept as digests, shown once, revoked on all servers within seconds."""


@keys.command("create")
@click.argument("tenant")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice(_SCOPES),
    multiple=True,
    default=("authorize", "read"),
    show_default=True,
    help="What the key may do; give it several times for several scopes.",
)
@click.option("--name", default="", help="What the key is for; shown by `keys list`.")
@click.option("--expires-in", callback=period, metavar="PERIOD", help="For example 90d.")
@json_option
def create(
    tenant: str, *, scopes: tuple[str, ...], name: str, expires_in: timedelta | None, as_json: bool
) -> None:
    """Make a key for a tenant and show it, this once."""
    wanted = [Scope(scope) for scope in dict.fromkeys(scopes)]
    key = asyncio.run(_create(tenant, scopes=wanted, name=name, expires_in=expires_in))
    _show(key, as_json=as_json, more={"scopes": [str(scope) for scope in wanted]})


@keys.command("list")
@click.argument("tenant")
@json_option
def list_(tenant: str, *, as_json: bool) -> None:
    """List a tenant's keys, without their secrets."""
    rows = [summary._asdict() for summary in asyncio.run(_list(tenant))]
    print_rows(rows, as_json=as_json, empty=f"no keys; make one with `keys create {tenant}`")


@keys.command("revoke")
@click.argument("key_id")
@json_option
def revoke(key_id: str, *, as_json: bool) -> None:
    """Revoke a key everywhere, at once."""
    revoked = asyncio.run(_revoke(_public(key_id)))
    if as_json:
        print_json({"key_id": _public(key_id), "revoked": revoked})
    elif revoked:
        click.echo(f"revoked {_public(key_id)}")
    if not revoked:
        raise click.ClickException(f"there is no key {_public(key_id)} that could be revoked")


@keys.command("rotate")
@click.argument("key_id")
@click.option(
    "--overlap",
    callback=period,
    default="24h",
    show_default=True,
    metavar="PERIOD",
    help="How long the old key still works beside the new one.",
)
@json_option
def rotate(key_id: str, *, overlap: timedelta, as_json: bool) -> None:
    """Make a key with the same rights; the old one ends when the overlap is over."""
    rotation = asyncio.run(_rotate(_public(key_id), overlap=overlap))
    ends = {"old_key_id": _public(key_id), "old_key_ends_at": rotation.old_ends_at}
    _show(rotation.key, as_json=as_json, more=ends)


def _public(key: str) -> str:
    """Take a key's id, also out of a whole key that was pasted."""
    parts = key.split("_")
    return parts[1] if parts[0] == "cg" and len(parts) > 1 else key


def _show(key: NewKey, *, as_json: bool, more: dict[str, object]) -> None:
    if as_json:
        print_json({"key_id": key.key_id, "key": key.text, **more})
        return
    click.echo(key.text)
    notes = "".join(f"  {name}: {_text(value)}\n" for name, value in more.items())
    click.echo(f"{notes}  this is the only time the key is shown", err=True)


def _text(value: object) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%SZ")
    return ", ".join(value) if isinstance(value, list) else str(value)


async def _create(
    tenant: str, *, scopes: Sequence[Scope], name: str, expires_in: timedelta | None
) -> NewKey:
    pepper = key_pepper()
    async with database() as pool:
        store = PostgresKeys(pool)
        owner = await _tenant(store, tenant)
        return await store.create_key(
            owner.tenant_id,
            pepper=pepper,
            scopes=scopes,
            name=name,
            expires_at=None if expires_in is None else datetime.now(UTC) + expires_in,
        )


async def _list(tenant: str) -> Sequence[KeySummary]:
    async with database() as pool:
        store = PostgresKeys(pool)
        return await store.list_keys((await _tenant(store, tenant)).tenant_id)


async def _revoke(key_id: str) -> bool:
    async with database() as pool:
        return await PostgresKeys(pool).revoke_key(key_id)


async def _rotate(key_id: str, *, overlap: timedelta) -> Rotation:
    pepper = key_pepper()
    async with database() as pool:
        store = PostgresKeys(pool)
        old = await _usable(store, key_id)
        names = {k.key_id: k.name for k in await store.list_keys(old.tenant_id)}
        key = await store.create_key(
            old.tenant_id,
            pepper=pepper,
            scopes=[Scope(scope) for scope in sorted(old.scopes)],
            name=names.get(key_id, ""),
        )
        ends_at = datetime.now(UTC) + overlap
        await store.expire_key(key_id, at=ends_at)
        return Rotation(key, min(ends_at, old.expires_at or ends_at))


async def _usable(store: PostgresKeys, key_id: str) -> KeyRecord:
    key = await store.find_key(key_id)
    if key is None or key.revoked_at is not None:
        raise click.ClickException(f"there is no key {key_id} that could be rotated")
    return key


async def _tenant(store: PostgresKeys, name: str) -> Tenant:
    tenant = await store.find_tenant(name)
    if tenant is None:
        raise click.ClickException(
            f"there is no tenant {name!r}; `creditgate-server tenants list` shows those there are"
        )
    return tenant
