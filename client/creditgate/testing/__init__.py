"""Creditgate for tests: the same rules, in this process, without PostgreSQL.

    with FakeCreditgate() as fake:
        fake.add_account("acme", credits="100")
        with fake.client() as credits:
            credits.charge("acme", hold_id="msg-1", amount=5)
        fake.advance(seconds=60)

It is a real gRPC server on a port of its own, so any client in any language can talk to it; only
its clock stands still unless it is told to move.
"""

from __future__ import annotations

from creditgate.testing._clock import FakeClock, FakeTimer
from creditgate.testing._fake import FakeCreditgate

__all__ = ["FakeClock", "FakeCreditgate", "FakeTimer"]
