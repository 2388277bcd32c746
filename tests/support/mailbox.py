"""A real SMTP server that keeps what it is handed."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import Message
from typing import Any

from aiosmtpd.handlers import Message as Handler
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Mailbox(Handler):
    """What came; `refuse` answers recipients instead, `login` is who may hand mail in."""

    def __init__(self, *, login: tuple[str, str] | None = None) -> None:
        super().__init__()
        self.login = login
        self.got: list[Message] = []
        self.refuse = ""
        self.port = 0

    async def handle_RCPT(  # noqa: N802 - the library's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self.refuse:
            return self.refuse
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def handle_message(self, message: Message) -> None:
        self.got.append(message)

    def authenticate(self, *given: Any) -> AuthResult:
        login = given[-1]
        assert isinstance(login, LoginPassword)
        said = (login.login.decode(), login.password.decode())
        return AuthResult(success=said == self.login, handled=True)


@dataclass
class Serving:
    """The connections of a server, to be ended with it."""

    open: list[SMTP] = field(default_factory=list)


@asynccontextmanager
async def mailbox(
    *,
    login: tuple[str, str] | None = None,
    tls: ssl.SSLContext | None = None,
    start_tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Mailbox]:
    """Take mail on a free port."""
    box, serving = Mailbox(login=login), Serving()
    loop = asyncio.get_running_loop()

    def protocol() -> SMTP:
        made = SMTP(
            box,
            hostname="mail.test",
            loop=loop,
            tls_context=start_tls,
            require_starttls=start_tls is not None,
            authenticator=box.authenticate if login else None,
            auth_required=login is not None,
            auth_require_tls=start_tls is not None,
        )
        serving.open.append(made)
        return made

    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=tls)
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await asyncio.sleep(0.01)
        for connection in serving.open:
            if connection.transport is not None:
                connection.transport.close()
        await asyncio.sleep(0)
