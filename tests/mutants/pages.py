"""Bugs in what the page of an account shows."""

from __future__ import annotations

from tests.mutants.mutant import SERVER, Mutant

VIEWS = SERVER + "dashboard/views/"
NUMBERS = "tests/property/test_page.py::test_every_number_is_the_ledgers"
UNIT = "tests/unit/dashboard/"

MUTANTS_OF_PAGES = (
    Mutant(
        "what is held, shown as what remains, too",
        VIEWS + "figures.py",
        "    return summary.balance.settled_micros - summary.balance.held_micros",
        "    return summary.balance.settled_micros",
        NUMBERS + "[UTC-0]",
    ),
    Mutant(
        "what is expected, day by day, more than the projection says",
        VIEWS + "days.py",
        "spread.get(day, 0) + upto - given",
        "spread.get(day, 0) + upto",
        UNIT + "test_days.py::test_what_is_expected_adds_up_and_lies_ahead",
    ),
    Mutant(
        "a day of the account's, taken for one of UTC's",
        VIEWS + "spending.py",
        "found = {clock.day(row.starts_at): row",
        "found = {row.starts_at.date(): row",
        NUMBERS + "[Asia/Kathmandu-1]",
    ),
    Mutant(
        "a midnight that has been, taken for the next",
        VIEWS + "clock.py",
        "        return midnight.replace(fold=1).astimezone(UTC)",
        "        return midnight.astimezone(UTC)",
        UNIT + "test_clock.py::test_the_next_day_begins_at_its_midnight"
        "[America/St_Johns-2001-10-28T03:00-2001-10-28T03:30]",
    ),
    Mutant(
        "text of others that a spreadsheet carries out",
        SERVER + "dashboard/sections/export.py",
        """    return f"'{text}" if text.startswith(_FORMULAS) else text""",
        "    return text",
        UNIT + "test_export.py::test_a_spreadsheet_carries_nothing_out",
    ),
)
