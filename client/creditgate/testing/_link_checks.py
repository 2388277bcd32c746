"""What the service refuses of requests for links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

TTL_MIN, TTL_MAX = timedelta(seconds=1), timedelta(days=30)
ORIGINS_MAX, ORIGIN_LENGTH_MAX, HOST_LENGTH_MAX, PORT_MAX = 8, 200, 253, 65_535
_PART = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ORIGIN = re.compile(rf"(https?)://({_PART}(?:\.{_PART})*)(?::([1-9][0-9]*))?", re.ASCII)


def check_usage_link(request: Any) -> Iterator[tuple[str, bool]]:
    """Each field of a request for a link, and whether it is right."""
    spans = TTL_MIN <= request.ttl.ToTimedelta() <= TTL_MAX
    yield "ttl", not request.HasField("ttl") or spans
    yield "allowed_origins", len(request.allowed_origins) <= ORIGINS_MAX
    for place, origin in enumerate(request.allowed_origins):
        yield f"allowed_origins[{place}]", _is_origin(origin)


def _is_origin(text: str) -> bool:
    match = _ORIGIN.fullmatch(text)
    if match is None or len(text) > ORIGIN_LENGTH_MAX:
        return False
    scheme, host, port = match.groups()
    local = host in {"localhost", "127.0.0.1"}
    short = len(host) <= HOST_LENGTH_MAX and (port is None or int(port) <= PORT_MAX)
    return short and (scheme == "https" or local)
