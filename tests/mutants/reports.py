"""Bugs in what accounts are told of their use."""

from __future__ import annotations

from tests.mutants.mutant import SERVER, SQL, Mutant

LOGS = "tests/property/test_activity.py::test_the_log_is_what_the_oracle_works_out"
PAGES = "tests/integration/test_activity.py::"

MUTANTS_OF_REPORTS = (
    Mutant(
        "a page of activity that begins with the last entry of the one before",
        SERVER + "postgres/activity.py",
        '_OLDEST_FIRST = {"beyond": ">"',
        '_OLDEST_FIRST = {"beyond": ">="',
        LOGS,
    ),
    Mutant(
        "a page of activity that is short, taken for the last",
        SERVER + "rpc/activity.py",
        "        place = last.place if last else found.scanned\n        if place:",
        "        place = last.place if last else None\n        if place:",
        LOGS,
    ),
    Mutant(
        "a range of activity without the entry at its beginning",
        SQL + "090_activity.sql",
        "        IF v_created_at < p_at THEN",
        "        IF v_created_at <= p_at THEN",
        "tests/sql/test_activity.py::"
        "test_the_edges_of_a_range_are_what_a_walk_over_all_entries_finds",
    ),
    Mutant(
        "a model that was said, passed over for the one that is priced",
        SQL + "090_activity.sql",
        "coalesce(p_details -> 'attributes' ->> 'model', nullif((p_rate).model, '*'),",
        "coalesce(nullif((p_rate).model, '*'), p_details -> 'attributes' ->> 'model',",
        LOGS,
    ),
    Mutant(
        "a list of activity that grows while it is read",
        SERVER + "rpc/cursor.py",
        "        return cls(Period(after_version, through_version), Place(version, line))",
        "        return cls(Period(after_version, 10**15), Place(version, line))",
        PAGES + "test_pages_neither_skip_nor_repeat_while_entries_come[2]",
    ),
    Mutant(
        "a cursor that goes on with another filter",
        SERVER + "rpc/decode_activity.py",
        'return Asked(span, choice, " ".join((request.account_id, repr(span), repr(choice))))',
        "return Asked(span, choice, request.account_id)",
        PAGES + "test_tokens_and_cursors_are_good_for_their_list_alone",
    ),
)
