"""Bugs to plant in what sums up the ledger, and in what reads the sums."""

from __future__ import annotations

from tests.mutants.mutant import SERVER, SQL, Mutant

ROWS = (
    "tests/property/test_usage_rows.py"
    "::test_any_part_summed_up_and_any_range_is_what_the_entries_say"
)
KILLED = (
    "tests/integration/test_usage_sums.py"
    "::test_three_who_are_killed_again_and_again_count_each_entry_once"
)
SPLIT = "tests/sql/test_usage_rows.py::"
WORK, USAGE, ROLL_UP = SQL + "091_work.sql", SQL + "092_usage.sql", SQL + "093_roll_up.sql"

MUTANTS_OF_SUMS = (
    Mutant(
        "two sum up the same entries",
        ROLL_UP,
        " FOR UPDATE SKIP LOCKED;",
        ";",
        KILLED,
    ),
    Mutant(
        "sums begin before where they were",
        ROLL_UP,
        "p_account_key, p.version, v_through, v_time_zone);",
        "p_account_key, greatest(p.version - 1, 0), v_through, v_time_zone);",
        ROWS,
    ),
    Mutant(
        "what names nothing is lacking among the totals of values",
        USAGE,
        "SELECT n.slot, n.kind, -n.amount_micros, -n.quantity, -n.holds FROM named AS n) AS t",
        "SELECT n.slot, n.kind, n.amount_micros, n.quantity, n.holds FROM named AS n) AS t",
        ROWS,
    ),
    Mutant(
        "totals that are asked for one type are those of all",
        SERVER + "postgres/usage.py",
        "p_words => $7 OR $8 OR $9 OR coalesce($13, $14, $15) IS NOT NULL) AS u",
        "p_words => $7 OR $8 OR $9) AS u",
        SPLIT + "test_what_names_agree_on_is_chosen_by_type_also_where_it_was_summed_up",
    ),
    Mutant(
        "sums that are being forgotten are used again",
        ROLL_UP,
        "CASE v_count WHEN 0 THEN p_time_zone ELSE '' END",
        "p_time_zone",
        ROWS,
    ),
    Mutant(
        "days of another time zone are taken for the account's",
        USAGE,
        "v_days := p_days AND a.in_days AND",
        "v_days := p_days AND",
        ROWS,
    ),
    Mutant(
        "a day begins at the second of its midnights",
        USAGE,
        "THEN d.midnight - interval '1 hour' ELSE d.midnight END",
        "THEN d.midnight ELSE d.midnight END",
        SPLIT + "test_a_day_with_two_midnights_begins_with_the_first",
    ),
    Mutant(
        "what has happened since is left out",
        USAGE,
        "p_bucket, p_account_key, a.summed, v_through, v_from,",
        "p_bucket, p_account_key, v_through, v_through, v_from,",
        ROWS,
    ),
    Mutant(
        "the end of a range is left out",
        USAGE,
        "p_bucket, p_account_key, v_last, v_through, v_end, v_until,",
        "p_bucket, p_account_key, v_last, v_through, v_end, v_end,",
        ROWS,
    ),
    Mutant(
        "work that names something counts as naming nothing, too",
        USAGE,
        "n.model, -n.amount_micros, -n.quantity",
        "n.model, 0, -n.quantity",
        ROWS,
    ),
    Mutant(
        "a hold is counted with each of its charges",
        USAGE,
        "(e.kind = 2 AND e.last_version IS NULL AND b.version IS NULL)::int\n"
        "             WHERE h.lines IS NULL",
        "(e.kind = 2)::int\n             WHERE h.lines IS NULL",
        SPLIT + "test_work_is_of_the_quarter_of_an_hour_in_which_it_was_charged",
    ),
    Mutant(
        "what was used before the range is in it again",
        USAGE,
        "coalesce(e.last_quantity, b.used_quantity, 0)",
        "coalesce(e.last_quantity, 0)",
        SPLIT + "test_work_is_of_the_quarter_of_an_hour_in_which_it_was_charged",
    ),
    Mutant(
        "a charge does not say what its hold had used",
        SQL + "045_book.sql",
        "p_now, h.used_quantity,",
        "p_now, NULL,",
        SPLIT + "test_work_is_of_the_quarter_of_an_hour_in_which_it_was_charged",
    ),
    Mutant(
        "a refund is taken off the first meter",
        WORK,
        "FOR i IN REVERSE cardinality(p_lines) .. 1 LOOP",
        "FOR i IN 1 .. cardinality(p_lines) LOOP",
        SPLIT + "test_a_charge_is_split_over_its_meters_and_a_refund_is_taken_off_the_last",
    ),
    Mutant(
        "what could not be collected is lacking from the first meter",
        WORK,
        "v_shares[i] := least(v_left, coalesce(",
        "v_shares[i] := (coalesce(",
        SPLIT + "test_what_could_not_be_collected_is_lacking_from_the_last_meters",
    ),
)
