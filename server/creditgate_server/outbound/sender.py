"""Sends an event on its way, as its endpoint wants it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self

from creditgate_server.domain.deliveries import Answer, EndpointKind, Task, Verdict
from creditgate_server.domain.mail import MailServer
from creditgate_server.domain.webhooks import endpoint_secret, signatures

from . import message
from .mail import Mail
from .webhooks import Webhooks

if TYPE_CHECKING:
    from creditgate_server.settings import Settings

_USER_AGENT = "creditgate"


class Sender:
    """Signs and sends; `mail` is None where the service sends none."""

    def __init__(
        self, webhooks: Webhooks, mail: Mail | None, *, mail_from: str, pepper: str
    ) -> None:
        self._webhooks = webhooks
        self._mail = mail
        self._mail_from = mail_from
        self._pepper = pepper

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Make the sender that the settings describe."""
        seconds = settings.delivery_timeout_ms / 1000
        ca_file: Path | None = settings.webhook_ca_file
        webhooks = Webhooks(
            timeout_seconds=seconds, allow_private=settings.webhook_allow_private, ca_file=ca_file
        )
        mail = None
        if settings.smtp_url:
            server = MailServer.parse(settings.smtp_url)
            mail = Mail(server, timeout_seconds=seconds, ca_file=ca_file)
        return cls(webhooks, mail, mail_from=settings.smtp_from, pepper=settings.key_pepper)

    async def send(self, task: Task) -> Answer:
        """Make one attempt and answer what came of it."""
        if task.endpoint_kind == EndpointKind.WEBHOOK:
            return await self._post(task)
        if self._mail is None:
            return Answer(Verdict.FAILED, error="this service is not set up to send mail")
        return await self._mail.send(message.as_mail(task, sender=self._mail_from))

    async def close(self) -> None:
        """Close all connections."""
        await self._webhooks.close()

    async def _post(self, task: Task) -> Answer:
        body = message.as_json(task)
        seconds = int(task.sent_at.timestamp())
        signed = signatures(
            self._secrets(task), message_id=task.message_id, timestamp_seconds=seconds, body=body
        )
        headers = {
            "content-type": "application/json",
            "user-agent": _USER_AGENT,
            "webhook-id": task.message_id,
            "webhook-timestamp": str(seconds),
            "webhook-signature": signed,
        }
        return await self._webhooks.post(task.address, headers=headers, body=body)

    def _secrets(self, task: Task) -> list[str]:
        """Answer the endpoint's secret, and for a day after it was changed the one before."""
        return [
            endpoint_secret(
                self._pepper,
                tenant_id=task.tenant_id,
                endpoint_id=task.endpoint_id,
                generation=generation,
            )
            for generation in (task.generation, task.generation - 1)[: 1 + task.rotated]
        ]
