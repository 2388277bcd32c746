"""Bugs in what accounts are told of their use."""

from __future__ import annotations

from tests.mutants.mutant import SERVER, SQL, Mutant, contract

LOGS = "tests/property/test_activity.py::test_the_log_is_what_the_oracle_works_out"
PAGES = "tests/integration/test_activity.py::"
USAGE = "tests/property/test_usage.py::test_usage_is_what_the_oracle_adds_up"
QUERIES = "tests/integration/test_usage.py::"
CLOCKS = "tests/sql/test_usage_queries.py::test_stretches_begin_where_the_clocks_say"

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
        'return Asked(wanted, choice, " ".join((request.account_id, repr(wanted), repr(choice))))',
        "return Asked(wanted, choice, request.account_id)",
        PAGES + "test_tokens_and_cursors_are_good_for_their_list_alone",
    ),
    Mutant(
        "a midnight that ends a period, taken for a day of it",
        SQL + "094_summary.sql",
        "ELSE ((ends_at - v_instant) AT TIME ZONE v_zone)::date",
        "ELSE (ends_at AT TIME ZONE v_zone)::date",
        contract("summaries: a month of an account without cycles"),
    ),
    Mutant(
        "a day that begins as its range ends",
        SQL + "094_summary.sql",
        "v_through := least(p_now, until - v_instant);",
        "v_through := least(p_now, until);",
        contract("summaries: ranges begin with the account, and end before their end"),
    ),
    Mutant(
        "a grant that was revoked before it began, counted as given",
        SQL + "094_summary.sql",
        "    IF p_grant.state <> 4 OR p_grant.repaid_micros",
        "    IF p_grant.state > 1 OR p_grant.repaid_micros",
        contract("summaries: what was revoked counts if it ever began"),
    ),
    Mutant(
        "a call that is priced by the tier it has left",
        SQL + "094_summary.sql",
        "WHERE t.beyond <= p_quantity",
        "WHERE t.beyond < p_quantity",
        "tests/integration/test_summaries.py::test_what_calls_hold_and_cost",
    ),
    Mutant(
        "a pace of a week on an account of a day",
        SERVER + "domain/forecasts.py",
        "max(min(age, WEEK), DAY)",
        "WEEK",
        contract("summaries: a month of an account without cycles"),
    ),
    Mutant(
        "an average that is rounded down",
        SERVER + "domain/forecasts.py",
        "return (2 * value.numerator + value.denominator) // (2 * value.denominator)",
        "return value.numerator // value.denominator",
        contract("summaries: a cycle in the account's own days, with what rolled over"),
    ),
    Mutant(
        "credits of open holds, taken for what can still be spent",
        SERVER + "domain/reckoning.py",
        "run_out_at=forecasts.run_out_at(balance.available_micros,",
        "run_out_at=forecasts.run_out_at(balance.settled_micros,",
        contract("summaries: what open holds hold counts as used"),
    ),
    Mutant(
        "an answer whose pages are about another time each",
        SERVER + "rpc/usage.py",
        "            question = question._replace(span=fixed)\n",
        "",
        QUERIES + "test_pages_are_of_what_there_was_when_the_first_was_read",
    ),
    Mutant(
        "a page of usage that begins a row late",
        SERVER + "rpc/usage.py",
        "_place(offset + len(response.rows), found.span)",
        "_place(offset + len(response.rows) + 1, found.span)",
        USAGE,
    ),
    Mutant(
        "a token for the next page of another question",
        SERVER + "rpc/usage.py",
        'about = f"{request.account_id} {question!r}"',
        "about = request.account_id",
        QUERIES + "test_a_token_is_good_for_its_question_alone",
    ),
    Mutant(
        "refunds that are passed over when usage is summed up",
        SERVER + "postgres/usage.py",
        "u.kind IN (2, 3)",
        "u.kind = 2",
        contract("usage: refunds count when they are made"),
    ),
    Mutant(
        "two hours taken for one where a clock is set back",
        SERVER + "postgres/usage.py",
        "date_trunc($6, f.slot AT TIME ZONE a.time_zone) AS shown",
        "date_trunc('day', f.slot AT TIME ZONE a.time_zone) AS shown",
        contract("usage: an hour that is cut short by the clock is not the one before it"),
    ),
    Mutant(
        "an hour that begins before the clock showed it",
        SQL + "096_usage_time.sql",
        "CASE p_unit WHEN 'hour' THEN p_at ELSE v_cut END",
        "v_cut",
        CLOCKS,
    ),
    Mutant(
        "a sum of what is not kept any more, cut in two",
        SQL + "092_usage.sql",
        "        PERFORM creditgate.refuse_range(v_end <= a.emptied_at);\n",
        "",
        QUERIES + "test_what_is_not_kept_any_more_is_answered_as_far_as_it_was_summed_up",
    ),
    Mutant(
        "a median that nothing reaches",
        SERVER + "postgres/usage.py",
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY f.value)",
        "percentile_disc(0.5) WITHIN GROUP (ORDER BY f.value DESC)",
        contract("usage: calls that were charged by how long they took"),
    ),
    Mutant(
        "calls that cost nothing, measured with those that did",
        SERVER + "postgres/usage.py",
        " AND h.charged_micros > 0",
        "",
        contract("usage: calls that were charged by how long they took"),
    ),
)
