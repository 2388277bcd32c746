"""The past that the benchmark of usage reads."""

from __future__ import annotations

from bench.usage.past import Size
from bench.usage.steps import SESSION, VARIANTS, steps


def test_the_sums_of_a_past_go_on_from_step_to_step() -> None:
    through = 0
    for place, step in enumerate(steps()):
        through += step.amount_micros
        assert (step.place, step.through_micros) == (place, through)
    assert place + 1 == SESSION * VARIANTS


def test_a_few_accounts_have_most_of_the_entries() -> None:
    sessions = Size().sessions()
    assert len(sessions) == 10_000
    assert sessions == sorted(sessions, reverse=True)
    assert abs(sum(sessions) * SESSION - 10_000_000) < 200_000
    assert sessions[0] * SESSION == 1_000_000
