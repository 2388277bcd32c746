"""The fake's links: they say what they are for, and nobody serves the page."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from datetime import timedelta

from creditgate.testing._conversations import Conversing
from creditgate.v1 import usage_service_pb2 as messages

BASE_URL = "http://127.0.0.1:8080"
TTL_DEFAULT = timedelta(hours=1)
_SECOND = 10**6


class Linking(Conversing):
    """What UsageService answers about links."""

    def _create_usage_link(
        self, request: messages.CreateUsageLinkRequest, now: int
    ) -> messages.CreateUsageLinkResponse:
        self._wallet(request)
        lasts = request.ttl.ToTimedelta() if request.HasField("ttl") else TTL_DEFAULT
        milliseconds = lasts // timedelta(milliseconds=1)
        seconds = -(-(now + milliseconds * 1_000) // _SECOND)
        about = f"{request.account_id} {seconds} {' '.join(request.allowed_origins)}"
        token = urlsafe_b64encode(about.encode()).decode().rstrip("=")
        answer = messages.CreateUsageLinkResponse(url=f"{BASE_URL}/u/{token}", token=token)
        answer.expires_at.FromSeconds(seconds)
        return answer
