"""Where events may be sent to here, and the secrets they are signed with."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from creditgate_server.domain.deliveries import Endpoint, EndpointKind
from creditgate_server.domain.mail import address_problem
from creditgate_server.domain.webhooks import endpoint_secret, url_problem


@dataclass(frozen=True, kw_only=True)
class Targets:
    """What this service can send to: `mail` says whether it can send mail at all."""

    pepper: str = field(repr=False)
    allow_private: bool
    mail: bool

    def url_problem(self, url: str) -> str | None:
        """Answer what is wrong with a webhook's URL, None when nothing is."""
        return url_problem(url, allow_private=self.allow_private)

    def mail_problem(self, address: str) -> str | None:
        """Answer what is wrong with an e-mail address, None when nothing is."""
        return address_problem(address) if self.mail else "cannot be used: no mail is sent here"

    def secret(self, tenant_id: UUID, endpoint: Endpoint) -> str:
        """Answer the secret of an endpoint; empty for e-mail."""
        if endpoint.kind != EndpointKind.WEBHOOK:
            return ""
        return endpoint_secret(
            self.pepper,
            tenant_id=tenant_id,
            endpoint_id=endpoint.endpoint_id,
            generation=endpoint.generation,
        )
