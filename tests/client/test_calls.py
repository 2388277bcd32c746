"""The SDK's raw calls about calls, and its command line, against the fake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

import creditgate
from creditgate import CallTerms, FailureHandling, FinalAction
from creditgate.testing import FakeCreditgate as Fake

TERMS = CallTerms(
    max_duration_seconds=3600,
    renew_before_seconds=2.5,
    warn_before_seconds=0,
    final_action=FinalAction.REDIRECT,
    redirect_target="desk",
    on_reserve_failure=FailureHandling.CONTINUE,
    on_extend_failure=FailureHandling.TERMINATE,
    offline_allowance_seconds=30,
)


@pytest.fixture
def fake() -> Iterator[Fake]:
    with Fake() as fake:
        yield fake


def test_the_call_terms_of_a_plan_are_read_as_they_were_written(fake: Fake) -> None:
    with fake.client() as client:
        written = client.put_plan("pro", version=1, call_terms=TERMS).plan
        assert written.call_terms == TERMS == client.get_plan("pro").call_terms
        assert client.put_plan("free", version=1).plan.call_terms == CallTerms()
        assert client.put_plan("free", version=1, call_terms=CallTerms()).replayed
        with pytest.raises(creditgate.NameReused):
            client.put_plan("free", version=1, call_terms=TERMS)
        with pytest.raises(creditgate.InvalidRequest):
            client.put_plan("bad", version=1, call_terms=CallTerms(redirect_target="desk"))
