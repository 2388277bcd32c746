"""The part of HPACK (RFC 7541) that calling one gRPC server again and again needs."""

from __future__ import annotations

_STATIC_METHOD_POST = 3
_STATIC_SCHEME_HTTP = 6
_STATIC_PATH = 4
_STATIC_NAMES = {
    b":path": _STATIC_PATH,
    b":authority": 1,
    b"authorization": 23,
    b"content-type": 31,
}
_STATIC_COUNT = 61
_DYNAMIC_FIRST = 62

Header = tuple[bytes, bytes]


class HeaderWriter:
    """Writes request headers as a real client does: in full once, by their number afterwards."""

    def __init__(self, headers: list[Header]) -> None:
        self._headers = headers
        self._inserted: list[Header] = []
        self._blocks: dict[bytes, bytes] = {}

    def block(self, path: bytes) -> bytes:
        """The header block of a POST to a path."""
        known = self._blocks.get(path)
        if known is not None:
            return known
        count = len(self._inserted)
        block = bytes((0x80 | _STATIC_METHOD_POST, 0x80 | _STATIC_SCHEME_HTTP))
        block += self._one((b":path", path))
        for header in self._headers:
            block += self._one(header)
        if len(self._inserted) == count:
            self._blocks[path] = block
        else:
            # What was inserted has moved all numbers written so far.
            self._blocks.clear()
        return block

    def _one(self, header: Header) -> bytes:
        if header in self._inserted:
            age = len(self._inserted) - 1 - self._inserted.index(header)
            return bytes((0x80 | (_DYNAMIC_FIRST + age),))
        self._inserted.append(header)
        name, value = header
        static = _STATIC_NAMES.get(name)
        start = bytes((0x40,)) + _text(name) if static is None else bytes((0x40 | static,))
        return start + _text(value)


def _text(value: bytes) -> bytes:
    return _integer(len(value), bits=7) + value


def _integer(value: int, *, bits: int) -> bytes:
    limit = (1 << bits) - 1
    if value < limit:
        return bytes((value,))
    written, value = [limit], value - limit
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*written, value))


def read_headers(block: bytes) -> dict[bytes, bytes]:
    """The headers of a block that were written in full.

    The peer has been told to keep no table, so none is kept here. Static ones are left out: of
    all that matters only `grpc-status` and `grpc-message`, which are not among them.
    """
    headers: dict[bytes, bytes] = {}
    at = 0
    while at < len(block):
        first = block[at]
        if first & 0x80:
            index, at = _read_integer(block, at, bits=7)
            assert index <= _STATIC_COUNT, "the peer uses a table it was told not to keep"
        elif first & 0xE0 == 0x20:
            _, at = _read_integer(block, at, bits=5)
        else:
            index, at = _read_integer(block, at, bits=6 if first & 0x40 else 4)
            name = b""
            if not index:
                name, at = _read_text(block, at)
            value, at = _read_text(block, at)
            headers[name] = value
    return headers


def _read_text(block: bytes, at: int) -> tuple[bytes, int]:
    packed = block[at] & 0x80
    length, at = _read_integer(block, at, bits=7)
    # Huffman coding is for texts nobody reads here; gRPC uses it for binary values only.
    return (b"" if packed else block[at : at + length]), at + length


def _read_integer(block: bytes, at: int, *, bits: int) -> tuple[int, int]:
    limit = (1 << bits) - 1
    value = block[at] & limit
    at += 1
    if value < limit:
        return value, at
    shift = 0
    while True:
        value += (block[at] & 0x7F) << shift
        shift += 7
        at += 1
        if not block[at - 1] & 0x80:
            return value, at
