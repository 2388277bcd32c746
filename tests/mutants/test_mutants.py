"""The tests are tested: each planted bug makes the test fail that is there to find it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.mutants.catalog import MUTANTS
from tests.mutants.mutant import Mutant
from tests.mutants.planting import TESTS_FAILED, Copy
from tests.support.figures import Figures
from tests.support.postgres_faults import ROOT, changed

_REASON = 90


def catch(
    mutants: Iterable[Mutant], folder: Path, figures: Figures, *, postgres: str | None
) -> None:
    """Plants each, one after the other; fails naming those that nobody noticed."""
    copy, missed, caught = Copy(folder), [], []
    for mutant in mutants:
        verdict = copy.try_on(mutant, postgres=postgres)
        test, _, reason = verdict.failure.partition(" - ")
        if verdict.code == TESTS_FAILED and test == mutant.caught_by:
            caught.append(mutant.name)
            figures(mutant=repr(mutant.name), caught_by=test, saying=repr(reason[:_REASON]))
        else:
            missed.append(f"{mutant.name}: {verdict.output[-2000:]}")
    figures(mutants_caught=f"{len(caught)}/{len(caught) + len(missed)}")
    assert missed == []


@pytest.mark.timeout(600)
def test_planted_bugs_are_caught(
    pytestconfig: pytest.Config, tmp_path: Path, figures: Figures
) -> None:
    chosen = [mutant for mutant in MUTANTS if mutant.every_run]
    assert len(chosen) >= 4
    catch(chosen, tmp_path / "copy", figures, postgres=pytestconfig.getoption("--postgres"))


@pytest.mark.faults
@pytest.mark.timeout(1_800)
def test_every_planted_bug_is_caught(
    pytestconfig: pytest.Config, tmp_path: Path, figures: Figures
) -> None:
    catch(MUTANTS, tmp_path / "copy", figures, postgres=pytestconfig.getoption("--postgres"))


@pytest.mark.faults
@pytest.mark.timeout(1_800)
def test_without_a_bug_the_same_tests_pass(
    pytestconfig: pytest.Config, tmp_path: Path, figures: Figures
) -> None:
    """Else a failure would prove nothing."""
    tests = sorted({mutant.caught_by for mutant in MUTANTS})
    verdict = Copy(tmp_path / "copy").run(tests, postgres=pytestconfig.getoption("--postgres"))
    assert verdict.code == 0, verdict.output[-4000:]
    figures(tests=len(tests), failed=0)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_still_fits_the_code(mutant: Mutant) -> None:
    text = (ROOT / mutant.file).read_text()
    assert changed(text, (mutant.old, mutant.new), where=mutant.file) != text


def test_a_mutant_whose_text_is_gone_is_an_error() -> None:
    with pytest.raises(LookupError, match="0 times"):
        changed("some text", ("other text", ""), where="here")
