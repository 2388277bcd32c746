"""Whose history it is: customers of the five products, in as many parts of the world."""

from __future__ import annotations

from collections.abc import Sequence

from creditgate import AsyncClient
from creditgate_server.dev.history.chats import Chats, HybridChats
from creditgate_server.dev.history.coins import Coins
from creditgate_server.dev.history.story import Story
from creditgate_server.dev.history.tokens import Tokens
from creditgate_server.dev.history.voice import Voice
from creditgate_server.dev.history.website import GrowingWebsite, Website

_CAST: dict[str, tuple[type[Story], str]] = {
    "blue-lantern-books": (Coins, "America/New_York"),
    "fern-and-fox": (Chats, "Europe/London"),
    "cobalt-tools": (HybridChats, "America/Sao_Paulo"),
    "riverside-clinic": (Voice, "America/Chicago"),
    "northfield-school": (Tokens, "Europe/Berlin"),
    "annapurna-lodge": (Website, "Asia/Kathmandu"),
    "atelier-mori": (GrowingWebsite, "Asia/Tokyo"),
}
ACCOUNTS = tuple(_CAST)
"""The accounts that have a history, by the products S1 to S5."""


def cast(
    client: AsyncClient, accounts: Sequence[str] = ACCOUNTS, *, seed: str = ""
) -> Sequence[Story]:
    """The stories of accounts."""
    return [
        kind(client, account_id=account_id, time_zone=zone, seed=seed)
        for account_id, (kind, zone) in _CAST.items()
        if account_id in accounts
    ]
