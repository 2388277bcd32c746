"""Sessions of a tenant's staff: a signed cookie that says who came with which key, and when."""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable
from typing import NamedTuple
from uuid import UUID

from creditgate_server.domain.seals import BadTokenError, Seal

_RENEW_SECONDS = 60
_ENDED_MAX = 10_000


class Session(NamedTuple):
    """Who is logged in: `started` and `seen` are seconds since 1970, `seen` to the minute."""

    session_id: str
    key_id: str
    tenant_id: UUID
    started: int
    seen: int


class Sessions:
    """Begins sessions and opens their cookies; keeps nothing but which ones were ended here.

    A session ends `idle_seconds` after it was last seen and `max_seconds` after it began, whichever
    comes first. Whether its key still works is for others to ask.
    """

    def __init__(
        self, secret: str, *, idle_seconds: float, max_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._seal = Seal(secret, purpose="creditgate dashboard sessions 1")
        self._form_seal = Seal(secret, purpose="creditgate dashboard forms 1")
        self._idle_seconds, self._max_seconds, self._clock = idle_seconds, max_seconds, clock
        self._ended: dict[str, float] = {}

    def begin(self, *, key_id: str, tenant_id: UUID) -> Session:
        """Begin a session."""
        now = int(self._clock())
        return Session(secrets.token_urlsafe(16), key_id, tenant_id, now, now)

    def cookie(self, session: Session) -> str:
        """Write what the browser keeps."""
        written = [*session[:2], session.tenant_id.hex, *session[3:]]
        return self._seal.make(json.dumps(written, separators=(",", ":")).encode())

    def open(self, cookie: str) -> Session | None:
        """Read what a browser has kept; None when it is not ours, or over."""
        try:
            read = json.loads(self._seal.open(cookie))
        except BadTokenError:
            return None
        session = Session(read[0], read[1], UUID(read[2]), read[3], read[4])
        now = self._clock()
        idle, age = now - session.seen, now - session.started
        over = idle >= self._idle_seconds or age >= self._max_seconds
        return None if over or session.session_id in self._ended else session

    def seen(self, session: Session) -> Session | None:
        """Answer the session as seen now; None when its cookie is still good enough."""
        now = int(self._clock())
        return session._replace(seen=now) if now - session.seen >= _RENEW_SECONDS else None

    def end(self, session: Session) -> None:
        """End a session for this process: a copy of its cookie is not let in again."""
        now = self._clock()
        self._ended = {name: until for name, until in self._ended.items() if until > now}
        if len(self._ended) >= _ENDED_MAX:
            del self._ended[next(iter(self._ended))]
        self._ended[session.session_id] = session.started + self._max_seconds

    def form_token(self, session: Session) -> str:
        """Answer what forms of this session carry, and nobody else's can."""
        return self._form_seal.make(b"", about=session.session_id.encode())

    def is_form_of(self, session: Session, token: str) -> bool:
        """Tell whether a form was made for this session."""
        return hmac.compare_digest(self.form_token(session).encode(), token.encode())
