"""Which addresses of the network webhooks may go to: those of the public internet alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from threading import Thread

_LOOK_UPS_AT_ONCE = 32
_LOW_32_BITS = 0xFFFF_FFFF

# By the registries of special-purpose addresses (RFC 6890 and after): networks of hosts, providers
# and machines themselves, examples, tunnels and multicast. Spelled out, because what Python calls
# global differs from version to version.
_CLOSED_V4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Of the version 6, one network is public, and some parts of it are not.
_PUBLIC_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
)
# Behind this prefix stands an address of the version 4, where a gateway translates.
_TRANSLATED = IPv6Network("64:ff9b::/96")


class AddressRefusedError(Exception):
    """A host's name stands for an address that webhooks must not reach."""


class ResolutionError(Exception):
    """A host's name stands for no address, or nobody could say in time."""


Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Answers the addresses of a host, the best first. Raises `ResolutionError`."""


def is_public(address: str) -> bool:
    """Tell whether an address is one of the public internet."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return _public_v4(parsed) if isinstance(parsed, IPv4Address) else _public_v6(parsed)


def _public_v4(address: IPv4Address) -> bool:
    return address.is_global and not any(address in network for network in _CLOSED_V4)


def _public_v6(address: IPv6Address) -> bool:
    if address.scope_id is not None:
        return False
    if address in _TRANSLATED:
        return _public_v4(IPv4Address(int(address) & _LOW_32_BITS))
    return address in _PUBLIC_V6 and not any(address in network for network in _CLOSED_V6)


async def open_addresses(
    host: str, port: int, *, resolve: Resolve, allow_private: bool
) -> Sequence[str]:
    """Answer the addresses of a host that may be connected to.

    One that is not public makes all of them suspect. Raises `AddressRefusedError` and
    `ResolutionError`.
    """
    addresses = await resolve(host, port)
    if not addresses:
        raise ResolutionError
    if not allow_private and not all(map(is_public, addresses)):
        raise AddressRefusedError
    return addresses


class SystemResolver:
    """Asks the system for addresses, a bounded number of questions at once.

    Each in a thread of its own that ends with the process: a name server that does not answer holds
    up neither others who need threads, nor the end of the process.
    """

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(_LOOK_UPS_AT_ONCE)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """Answer a host's addresses."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Sequence[str]] = loop.create_future()

        def tell(found: Sequence[str]) -> None:
            self._places.release()
            if not answer.done():
                answer.set_result(found)

        def look_up() -> None:
            found = _look_up(host, port)
            with suppress(RuntimeError):  # the loop has ended meanwhile
                loop.call_soon_threadsafe(tell, found)

        await self._places.acquire()
        Thread(target=look_up, name="look up", daemon=True).start()
        return await answer


def _look_up(host: str, port: int) -> Sequence[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()
    return list(dict.fromkeys(str(address[0]) for *_, address in found))
