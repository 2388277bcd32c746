"""A connection for unary gRPC calls, light enough not to be what is measured.

It costs a fifth of what grpcio's own client costs, which on a small machine would take the
processor from the server.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import Generic, NamedTuple, TypeVar

from bench.hpack import HeaderWriter, read_headers

Token = TypeVar("Token")

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_CONTINUATION = 9
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_HEADER_TABLE_SIZE, _INITIAL_WINDOW = 1, 4
_WINDOW_MAX = 2**31 - 1
_WINDOW_FIRST = 65_535
_READ_BYTES = 1 << 18
RESET = -1
"""The status of a call whose stream was reset."""


class ConnectionEndedError(Exception):
    """The server has closed the connection, or said that it will."""


class Answer(NamedTuple, Generic[Token]):
    """The end of a call; `status` is gRPC's number of it, `body` the message, empty without one."""

    token: Token
    status: int
    body: bytes


class Connection(Generic[Token]):
    """Calls that are under way on one TCP connection; `token` tells them apart for the caller."""

    def __init__(self, host: str, port: int, *, api_key: str, timeout_seconds: int) -> None:
        self._socket = socket.create_connection((host, port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(0)
        self._writer = HeaderWriter(
            [
                (b":authority", f"{host}:{port}".encode()),
                (b"content-type", b"application/grpc"),
                (b"te", b"trailers"),
                (b"grpc-timeout", f"{timeout_seconds}S".encode()),
                (b"authorization", f"Bearer {api_key}".encode()),
            ]
        )
        self._tokens: dict[int, Token] = {}
        self._bodies: dict[int, bytes] = {}
        self._statuses: dict[bytes, int] = {}
        self._next = 1
        self._window = _WINDOW_FIRST
        self._consumed = 0
        self._unread = b""
        self._waiting: deque[tuple[bytes, bytes, Token]] = deque()
        settings = b"".join(
            number.to_bytes(2, "big") + value.to_bytes(4, "big")
            for number, value in ((_HEADER_TABLE_SIZE, 0), (_INITIAL_WINDOW, _WINDOW_MAX))
        )
        self._unsent = bytearray(_PREFACE + _frame(_SETTINGS, 0, 0, settings))
        self._grow_window(_WINDOW_MAX - _WINDOW_FIRST)

    def fileno(self) -> int:
        """The socket, for `select`."""
        return self._socket.fileno()

    @property
    def blocked(self) -> bool:
        """True while something could not be written yet."""
        return bool(self._unsent)

    @property
    def under_way(self) -> int:
        """How many calls have not ended."""
        return len(self._tokens) + len(self._waiting)

    def start(self, path: bytes, message: bytes, token: Token) -> None:
        """Begin a call; it leaves with the next `flush`."""
        size = len(message) + 5
        if self._waiting or size > self._window:
            self._waiting.append((path, message, token))
            return
        self._window -= size
        stream = self._next
        self._next += 2
        self._tokens[stream] = token
        self._unsent += _frame(_HEADERS, _END_HEADERS, stream, self._writer.block(path))
        self._unsent += _frame(_DATA, _END_STREAM, stream, b"\0" + _u32(len(message)) + message)

    def flush(self) -> None:
        """Write what is unsent, as far as the socket takes it."""
        if not self._unsent:
            return
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            return
        del self._unsent[:sent]

    def receive(self) -> list[Answer[Token]]:
        """Read what has come, and answer the calls that ended. Raises `ConnectionEndedError`."""
        try:
            arrived = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return []
        if not arrived:
            raise ConnectionEndedError("closed")
        data = self._unread + arrived
        answers: list[Answer[Token]] = []
        at, end = 0, len(data)
        while end - at >= 9:
            length = int.from_bytes(data[at : at + 3], "big")
            if end - at - 9 < length:
                break
            stream = int.from_bytes(data[at + 5 : at + 9], "big")
            payload = data[at + 9 : at + 9 + length]
            self._handle(data[at + 3], data[at + 4], stream, payload, answers)
            at += 9 + length
        self._unread = data[at:]
        return answers

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def _handle(
        self, kind: int, flags: int, stream: int, payload: bytes, answers: list[Answer[Token]]
    ) -> None:
        if kind == _DATA:
            self._bodies[stream] = self._bodies.get(stream, b"") + payload
            self._consumed += len(payload)
            if self._consumed > _WINDOW_MAX // 2:
                self._grow_window(self._consumed)
                self._consumed = 0
        elif kind == _HEADERS:
            assert flags & _END_HEADERS, "headers in several frames are not expected"
            if flags & _END_STREAM:
                answers.append(self._end(stream, self._status(payload)))
        elif kind == _RESET:
            if stream in self._tokens:
                answers.append(self._end(stream, RESET))
        elif stream == 0:
            self._control(kind, flags, payload)

    def _control(self, kind: int, flags: int, payload: bytes) -> None:
        if kind == _WINDOW:
            self._window += int.from_bytes(payload, "big")
            while self._waiting and len(self._waiting[0][1]) + 5 <= self._window:
                waiting, self._waiting = self._waiting, deque()
                while waiting:
                    self.start(*waiting.popleft())
        elif kind == _PING and not flags & _ACK:
            self._unsent += _frame(_PING, _ACK, 0, payload)
        elif kind == _SETTINGS and not flags & _ACK:
            self._unsent += _frame(_SETTINGS, _ACK, 0, b"")
        elif kind == _GOAWAY:
            raise ConnectionEndedError(payload[8:].decode(errors="replace") or "GOAWAY")

    def _end(self, stream: int, status: int) -> Answer[Token]:
        return Answer(self._tokens.pop(stream), status, self._bodies.pop(stream, b"")[5:])

    def _status(self, block: bytes) -> int:
        status = self._statuses.get(block)
        if status is None:
            status = int(read_headers(block).get(b"grpc-status", b"2"))
            if not status:
                self._statuses[block] = status
        return status

    def _grow_window(self, size: int) -> None:
        self._unsent += _frame(_WINDOW, 0, 0, _u32(size))


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + _u32(stream) + payload


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "big")
