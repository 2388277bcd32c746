"""Bugs in what is archived, brought back, and taken out of the archive."""

from __future__ import annotations

from tests.mutants.mutant import SERVER, SQL, Mutant

MOVES = "tests/sql/test_archive.py::"

MUTANTS_OF_ARCHIVES = (
    Mutant(
        "a hold that is archived without its refunds",
        SQL + "066_archive.sql",
        "AND e.hold_id = ANY (v_names)\n",
        "AND e.hold_id = ANY (v_names) AND e.kind = 2\n",
        MOVES + "test_a_name_brings_its_hold_back_and_late_usage_and_refunds_go_on",
    ),
    Mutant(
        "a hold that is archived although it was refunded lately",
        SQL + "066_archive.sql",
        "(e.version <= p_after OR e.version > p_through)",
        "e.version <= p_after",
        MOVES + "test_what_ended_long_ago_is_archived_once_a_day_and_nothing_else",
    ),
    Mutant(
        "entries archived that are in no sums yet",
        SQL + "066_archive.sql",
        "    RETURN least(\n        creditgate.last",
        "    RETURN greatest(\n        creditgate.last",
        MOVES + "test_what_is_not_in_the_sums_yet_stays",
    ),
    Mutant(
        "a refund that does not find what is archived",
        SQL + "062_refund.sql",
        "IF h.hold_id IS NULL AND a.has_archive THEN",
        "IF false THEN",
        MOVES + "test_a_name_brings_its_hold_back_and_late_usage_and_refunds_go_on",
    ),
    Mutant(
        "names that are free again when the archive is emptied",
        SQL + "067_empty_archive.sql",
        "creditgate.name_digest(h.hold_id) FROM unnest(v_holds) AS h\n",
        "creditgate.name_digest(h.hold_id) FROM unnest(v_holds) AS h WHERE false\n",
        MOVES + "test_names_stay_used_when_the_archive_is_emptied",
    ),
    Mutant(
        "what budgets have counted, not carried",
        SQL + "067_empty_archive.sql",
        "    PERFORM creditgate.carry_spent(p_bucket, p_account_key, p_through, p_last);\n",
        "",
        MOVES + "test_budgets_go_on_counting_what_is_archived_and_emptied",
    ),
    Mutant(
        "a statement without what is not kept any more",
        SERVER + "postgres/statements.py",
        "return Outcome.RANGE_ARCHIVED if is_gone else Period",
        "return Outcome.RANGE_ARCHIVED if False else Period",
        MOVES + "test_statements_begin_where_the_archive_does",
    ),
    Mutant(
        "sums of usage that are floats on the way",
        SQL + "092_usage.sql",
        "CASE WHEN e.amount_micros < 0 THEN -m.shares[i] ELSE m.shares[i] END",
        "sign(e.amount_micros) * m.shares[i]",
        "tests/property/test_archive_plans.py::test_walks",
    ),
)
