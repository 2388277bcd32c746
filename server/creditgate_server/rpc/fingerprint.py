"""Digests of what naming requests mean, by which a name reused with another body is told apart.

They are stored with what was named and compared for as long as it lives, so they never change: a
new field is appended to `parts` only where it is set, so that requests without it keep theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

SIZE_BYTES = 16


def fingerprint(verb: str, parts: Iterable[str]) -> bytes:
    """Digest a verb and the parts of its meaning, in order; no two lists of parts run together."""
    written = "".join(f"{len(part)}:{part}" for part in (verb, *parts))
    return blake2b(written.encode(), digest_size=SIZE_BYTES).digest()
