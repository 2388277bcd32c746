"""What a link cannot last, and where its page cannot be embedded."""

from __future__ import annotations

from typing import Any

from google.protobuf.duration_pb2 import Duration

ORIGIN = "https://shop.example.com"
BAD_LASTING = [
    Duration(),
    Duration(seconds=-1),
    Duration(nanos=999_999_999),
    Duration(seconds=30 * 86_400, nanos=1_000_000),
]
_NO_ORIGINS = (
    *("", "*", "shop.example.com", "http://shop.example.com", "https://", "ftp://a.example"),
    *(f"{ORIGIN}/", f"{ORIGIN}/path", f"{ORIGIN}?q", f"{ORIGIN}#f", f"{ORIGIN}:", f"{ORIGIN}:0"),
    *(f"{ORIGIN}:65536", f"{ORIGIN}:x", "https://user@shop.example.com", f"{ORIGIN} https://x"),
    *("https://*.example.com", "https://Shop.example.com", "https://shop_.example.com", "null"),
    *(f"{ORIGIN};", f"{ORIGIN}\n", "https://a..b", "https://-a.b", "https://é.example", "data:x"),
    *(f"https://{'a' * 64}.example", f"https://{'.'.join(['a' * 60] * 4)}", "javascript://x"),
)
BAD_ORIGINS: list[tuple[str, list[str]]] = [
    ("allowed_origins", [ORIGIN] * 9),
    *[("allowed_origins[1]", [ORIGIN, bad]) for bad in _NO_ORIGINS],
]
BAD_LINKS: dict[str, list[tuple[str, Any]]] = {
    "CreateUsageLink.ttl": [("ttl", bad) for bad in BAD_LASTING],
    "allowed_origins": [*BAD_ORIGINS],
}
