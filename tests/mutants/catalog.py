"""Bugs to plant in a copy of the repository, each with the test that has to find it.

A mutant is a piece of text that is in its file exactly once, and the text that takes its place.
When the code moves on and the text is not there any more, planting fails loudly: the mutant is
then to be carried over to the new code, not dropped.
"""

from __future__ import annotations

from tests.mutants.archives import MUTANTS_OF_ARCHIVES
from tests.mutants.doors import MUTANTS_OF_DOORS
from tests.mutants.mutant import SERVER, SQL, Mutant, contract
from tests.mutants.pages import MUTANTS_OF_PAGES
from tests.mutants.reports import MUTANTS_OF_REPORTS
from tests.mutants.sums import MUTANTS_OF_SUMS
from tests.mutants.work import MUTANTS_OF_WORK

RACES = "tests/integration/test_races.py::"
GRANTS = "tests/integration/test_exact_grant.py::"
STORM = "tests/integration/test_names.py::test_a_storm_of_one_name_has_one_effect[short]"
DELIVERIES = "tests/integration/test_delivery_races.py::"
CUTS = "tests/integration/test_crash_replies.py::"
CUT = CUTS + "test_a_commit_cut_in_its_middle_is_told_truly_and_done_once[short]"

MUTANTS = (
    Mutant(
        "read then update, without the lock",
        SQL + "050_apply.sql",
        "        FOR NO KEY UPDATE OF a);\n",
        ");\n",
        GRANTS + "test_a_thousand_credits_are_granted_a_thousand_times[once]",
        every_run=True,
    ),
    Mutant(
        "name looked up outside the transaction that uses it",
        SQL + "050_apply.sql",
        "AND h.hold_id = (o.op).hold_id) AS hold,\n",
        "AND h.hold_id = (o.op).hold_id\n"
        "                   AND h.created_at < v_now - interval '20 milliseconds') AS hold,\n",
        STORM,
    ),
    Mutant(
        "body of a name not compared",
        SQL + "040_decide_reserve.sql",
        "ELSIF p_hold.fingerprint <> p_op.fingerprint THEN",
        "ELSIF false THEN",
        contract("reserve: a name with another amount is refused and changes nothing"),
        every_run=True,
    ),
    Mutant(
        "reply before commit",
        SERVER + "postgres/ledger.py",
        "                return await connection.fetch(APPLY, asked, metered)\n",
        "                await connection.execute('SET synchronous_commit = off')\n"
        "                return await connection.fetch(APPLY, asked, metered)\n",
        "tests/faults/test_crash.py::test_nothing_acknowledged_is_lost_whatever_crashes[short]",
    ),
    Mutant(
        "a lost connection told as not executed",
        SERVER + "postgres/errors.py",
        '        raise OutcomeUnknownError(f"connection lost: {_name(error)}") from error',
        '        raise NotExecutedError(f"connection lost: {_name(error)}") from error',
        CUT,
        every_run=True,
    ),
    Mutant(
        "sweep without looking at the state",
        SQL + "049_advance.sql",
        "AND o.state = 1\n            AND o.expires_at <= p",
        "AND o.expires_at <= p",
        RACES + "test_commit_against_sweep_ends_in_one_state_and_one_charge",
    ),
    Mutant(
        "sweep without the account's lock",
        SQL + "049_advance.sql",
        "         FOR NO KEY UPDATE SKIP LOCKED\n",
        "",
        "tests/integration/test_sweep.py::test_four_sweepers_end_every_hold_once",
    ),
    Mutant(
        "more than is needed must be available: <= for <",
        SQL + "040_decide_reserve.sql",
        "IF greatest(v_available, 0) < v_needed THEN",
        "IF greatest(v_available, 0) <= v_needed THEN",
        contract("reserve: all that is available can be reserved and not a millionth more"),
        every_run=True,
    ),
    Mutant(
        "tenant missing in the account's key",
        SERVER + "domain/account_keys.py",
        "    key = uuid5(tenant_id, account_id)\n",
        "    key = uuid5(UUID(int=0), account_id)\n",
        "tests/integration/test_isolation.py"
        "::test_what_is_anothers_is_absent_to_the_byte_on_every_method",
    ),
    Mutant(
        "charge without its entry in the ledger",
        SQL + "046_write.sql",
        "SELECT e.* FROM unnest(p_entries) AS e;",
        "SELECT e.* FROM unnest(p_entries) AS e WHERE e.kind <> 2;",
        STORM,
    ),
    Mutant(
        "hold ended before its time",
        SQL + "049_advance.sql",
        "o.expires_at <= p_until AND o.hold_id <> ALL",
        "o.expires_at <= p_until + interval '1 second' AND o.hold_id <> ALL",
        RACES + "test_commit_against_sweep_ends_in_one_state_and_one_charge",
    ),
    Mutant(
        "Extend adds instead of stating a total",
        SQL + "041_decide_extend.sql",
        "        v_hold.granted_micros := v_total - greatest(",
        "        v_hold.granted_micros := v_hold.granted_micros + v_total - greatest(",
        contract("extend: an extend raises the total"),
    ),
    Mutant(
        "Commit charges the total, not the difference",
        SQL + "030_settle_usage.sql",
        "p_used_micros - v_hold.used_micros",
        "p_used_micros",
        contract("commit: interim commits charge the difference and keep the rest held"),
    ),
    Mutant(
        "overrun takes what other holds have",
        SQL + "030_settle_usage.sql",
        "p_account.overdraft_limit_micros - p_account.held_micros;",
        "p_account.overdraft_limit_micros;",
        contract("commit: overruns never take what other holds have"),
    ),
    Mutant(
        "Release after the final Commit ends the hold again",
        SQL + "043_decide_release.sql",
        "ELSIF p_hold.state = 1 THEN",
        "ELSIF p_hold.state IN (1, 2) THEN",
        RACES + "test_a_volley_at_one_hold_leaves_one_end_and_the_charge_that_was_answered[short]",
    ),
    Mutant(
        "debt not paid by the next grant",
        SQL + "048_grant_life.sql",
        "    v_repaid := least(a.debt_micros, g.amount_micros);\n",
        "    v_repaid := 0;\n",
        contract("grants: debt is paid before a grant can be spent"),
    ),
    Mutant(
        "a policy that denies charges like one that caps",
        SQL + "030_settle_usage.sql",
        "    IF p_account.overage_policy = 3 THEN\n",
        "    IF false THEN\n",
        contract("commit: a policy that denies charges what was granted and not a millionth more"),
    ),
    Mutant(
        "a budget that forgets what is held",
        SQL + "038_counters.sql",
        "coalesce(k.spent_micros, 0) - coalesce(k.held_micros, 0),\n",
        "coalesce(k.spent_micros, 0),\n",
        contract("budgets: a budget bounds what each agent may spend and hold"),
    ),
    Mutant(
        "a hold that expires stays on its budget",
        SQL + "049_advance.sql",
        "        PERFORM creditgate.uncount(v_counted);\n",
        "        NULL;\n",
        contract("budgets: a sweep gives back what expired"),
    ),
    Mutant(
        "a budget's day that ends after midnight",
        SQL + "038_counters.sql",
        "    IF k.period_ends_at <= p_now THEN\n",
        "    IF k.period_ends_at < p_now THEN\n",
        contract("budgets: a day ends at midnight"),
    ),
    Mutant(
        "a raise that does not ask the budget",
        SQL + "041_decide_extend.sql",
        "        IF p_stakes IS NOT NULL AND v_wanted > 0 THEN\n",
        "        IF false THEN\n",
        contract("budgets: an extend is bound by the budget"),
    ),
    Mutant(
        "a budget read without the account's lock",
        SQL + "050_apply.sql",
        "        FOR NO KEY UPDATE OF a);\n",
        ");\n    PERFORM pg_sleep(0.002);\n",
        "tests/integration/test_budget_races.py::test_a_thousand_at_once_get_what_the_agent_has",
    ),
    Mutant(
        "late usage dropped",
        SQL + "042_decide_commit.sql",
        "        IF p_hold.state = 2 OR p_hold.closed THEN\n",
        "        IF p_hold.state IN (2, 4) OR p_hold.closed THEN\n",
        contract("expiry: a late commit is charged once and marked"),
    ),
    Mutant(
        "who watches again misses events of the version it has left off at",
        SERVER + "postgres/watches.py",
        "AND version < $3",
        "AND version <= $3",
        "tests/integration/test_watch_events.py::test_who_comes_back_gets_what_it_has_missed",
    ),
    Mutant(
        "answers of a batch given to the wrong callers",
        SERVER + "lanes.py",
        "zip(batch, results, strict=True)",
        "zip(batch, reversed(results), strict=True)",
        STORM,
    ),
    Mutant(
        "deliveries taken without a lease",
        SQL + "081_deliveries.sql",
        "SET next_at = v_now + p_lease_seconds * interval '1 second'",
        "SET next_at = v_now",
        DELIVERIES + "test_many_workers_send_each_event_once_and_in_order",
    ),
    Mutant(
        "a delivery settled by who had it before",
        SQL + "081_deliveries.sql",
        "AND d.state < 2 AND d.attempts = t.attempts\n",
        "AND d.state < 2\n",
        "tests/integration/test_deliveries.py::test_a_crash_between_taking_and_noting_only_repeats",
    ),
    Mutant(
        "a webhook sent to whatever the name stands for",
        SERVER + "outbound/addresses.py",
        "if not allow_private and not all(map(is_public, addresses)):",
        "if False:",
        "tests/unit/test_outbound_webhooks.py::"
        "test_a_name_that_stands_for_a_private_address_is_refused[answer0]",
    ),
    Mutant(
        "a threshold told of by every charge below it",
        SQL + "036_events.sql",
        "p_before.settled_micros > v_at AND p_after.settled_micros <= v_at",
        "p_after.settled_micros <= v_at",
        "tests/integration/test_alerts.py::test_a_thousand_charges_tell_of_each_threshold_once",
    ),
    Mutant(
        "a top-up asked for beyond the month's most",
        SQL + "037_topups.sql",
        "IF v_max > 0 AND v_asked + v_micros > v_max THEN",
        "IF false THEN",
        contract(
            "topups: a month has its most, and the next one begins on the clock of the account"
        ),
    ),
    Mutant(
        "a refused top-up asked for again at once",
        SQL + "037_topups.sql",
        "p_now + least(power(2, p_account.topup_failures - 1), 24) * interval '1 hour'",
        "p_now + interval '1 second'",
        contract("topups: what is refused is asked for again after an hour, then two"),
    ),
    *MUTANTS_OF_WORK,
    *MUTANTS_OF_ARCHIVES,
    *MUTANTS_OF_PAGES,
    *MUTANTS_OF_REPORTS,
    *MUTANTS_OF_SUMS,
    *MUTANTS_OF_DOORS,
)
