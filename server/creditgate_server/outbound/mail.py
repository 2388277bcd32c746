"""Sends mail over the SMTP server that the settings name."""

from __future__ import annotations

import asyncio
import ssl
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib

from creditgate_server.domain.deliveries import Answer, Verdict
from creditgate_server.domain.mail import MailServer

_AT_ONCE = 4
_BAD_RECIPIENT = frozenset({550, 551, 553})


class Mail:
    """Hands mail in, a few at once. Every attempt ends within `timeout_seconds`."""

    def __init__(
        self, server: MailServer, *, timeout_seconds: float, ca_file: Path | None = None
    ) -> None:
        self._server = server
        self._timeout_seconds = timeout_seconds
        self._places = asyncio.Semaphore(_AT_ONCE)
        self._context = ssl.create_default_context()
        if ca_file is not None:
            self._context.load_verify_locations(ca_file)

    async def send(self, message: EmailMessage) -> Answer:
        """Hand a message in and answer what became of it; nothing the server does raises."""
        try:
            async with asyncio.timeout(self._timeout_seconds), self._places:
                await self._hand_in(message)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _refused(error.recipients[0].code)
        except aiosmtplib.SMTPResponseException as error:
            return Answer(Verdict.FAILED, error.code, f"the mail server answered {error.code}")
        except (TimeoutError, aiosmtplib.SMTPException, ssl.SSLError, OSError) as error:
            return Answer(Verdict.FAILED, error=_in_words(error))
        return Answer(Verdict.DELIVERED)

    async def _hand_in(self, message: EmailMessage) -> None:
        server = self._server
        await aiosmtplib.send(
            message,
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.secure,
            start_tls=server.start_tls,
            tls_context=self._context,
            timeout=self._timeout_seconds,
        )


def _refused(code: int) -> Answer:
    verdict = Verdict.REJECTED if code in _BAD_RECIPIENT else Verdict.FAILED
    return Answer(verdict, code, f"the mail server refused the recipient with {code}")


def _in_words(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "the mail server did not answer in time"
    if isinstance(error, ssl.SSLError):
        return "TLS: the connection to the mail server could not be secured"
    return f"mail could not be handed in: {type(error).__name__}"
