"""Digests of what naming requests mean, by which a name reused with another body is told apart.

They are stored with what was named and compared for as long as it lives, so they never change: a
new field is appended to `parts` only where it is set, so that requests without it keep theirs.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from creditgate_server.domain.calls import CallTerms
from creditgate_server.domain.conversations import ConversationTerms

SIZE_BYTES = 16

_Terms = CallTerms | ConversationTerms


def unusual(name: str, terms: _Terms, usual: _Terms) -> list[str]:
    """The parts that a plan's terms add to what it means: those that are not as usual."""
    pairs = zip(terms._asdict().items(), usual, strict=True)
    return [f"{name}.{field}={value}" for (field, value), other in pairs if value != other]


def fingerprint(verb: str, parts: Iterable[str]) -> bytes:
    """Digest a verb and the parts of its meaning, in order; no two lists of parts run together."""
    written = "".join(f"{len(part)}:{part}" for part in (verb, *parts))
    return blake2b(written.encode(), digest_size=SIZE_BYTES).digest()
