"""Bugs to plant in a copy of the repository, each with the test that has to find it.

A mutant is a piece of text that is in its file exactly once, and the text that takes its place.
When the code moves on and the text is not there any more, planting fails loudly: the mutant is
then to be carried over to the new code, not dropped.
"""

from __future__ import annotations

from dataclasses import dataclass

SQL = "migrations/functions/"
SERVER = "server/creditgate_server/"


@dataclass(frozen=True)
class Mutant:
    """One bug. `caught_by` is the test that must fail; `every_run` puts it in the default suite."""

    name: str
    file: str
    old: str
    new: str
    caught_by: str
    every_run: bool = False


def contract(case: str) -> str:
    """A case of the contract, asked of the real server."""
    return f"tests/contract/test_contract.py::test_server[{case}]"


RACES = "tests/integration/test_races.py::"
GRANTS = "tests/integration/test_exact_grant.py::"
CHATS = "tests/conformance/test_conversations.py::"
QUOTES = "tests/conformance/test_quotes.py::"
LEGS = "tests/conformance/test_transfers.py::"
LINES = "tests/property/test_lines.py::"
CALLS = "tests/conformance/test_calls.py::"
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
        SERVER + "domain/accounts.py",
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
        "a price rounded down",
        SQL + "025_price.sql",
        "div(v_cost + v_size - 1, v_size)",
        "div(v_cost, v_size)",
        contract("rates: however a usage is told, it costs what its total costs"),
    ),
    Mutant(
        "a line of a hold that takes what was said of it last",
        SQL + "026_lines.sql",
        "v_line.used_quantity := greatest(v_line.used_quantity, u.used_quantity);",
        "v_line.used_quantity := coalesce(u.used_quantity, v_line.used_quantity);",
        LINES + "test_any_split_over_several_meters_costs_the_prices_of_the_totals",
    ),
    Mutant(
        "a denied raise that stays with the lines it was asked for",
        SQL + "026_lines.sql",
        "    ELSIF p_op.verb = 2 AND v.outcome > 2 THEN\n",
        "    ELSIF false THEN\n",
        contract("meters: a raise that is denied charges what was used, and leaves what was asked"),
    ),
    Mutant(
        "a promise of a price that anybody can use",
        SERVER + "rpc/pages.py",
        "tenant_id.bytes.hex().encode(), method.encode(), about.encode()",
        "tenant_id.bytes.hex().encode(), method.encode()",
        QUOTES + "test_c15_only_the_accounts_own_quotes_keep_a_price[another account's]",
    ),
    Mutant(
        "a promised price that is the account's own again once it is charged",
        SERVER + "rpc/pins.py",
        "                rate_card_id=pin.rate_card_id,\n",
        "                rate_card_id=work.rate_card_id,\n",
        contract("pins: a promised price is that of the card that was quoted"),
    ),
    Mutant(
        "a promise that outlives its time",
        SQL + "050_apply.sql",
        "IF v_usage.pinned_until <= v_now AND",
        "IF v_usage.pinned_until <= v_now - interval '1 second' AND",
        contract("pins: a promise ends, but what was decided by it is answered again"),
    ),
    Mutant(
        "a call that is raised beyond the longest it may be",
        SQL + "044_calls.sql",
        "        p_usage.quantity := v_max;\n",
        "        NULL;\n",
        CALLS + "test_v10_a_call_has_a_longest_duration_however_often_it_is_renewed",
    ),
    Mutant(
        "a gateway that takes what it has just begun for lost",
        SERVER + "postgres/calls.py",
        "h.gateway_epoch < $4",
        "h.gateway_epoch <= $4",
        "tests/conformance/test_gateways.py::"
        "test_v36_a_gateway_that_comes_back_finds_its_calls_and_no_others",
    ),
    Mutant(
        "a call that looks funded when only a part of a second is",
        SQL + "044_calls.sql",
        "(v_needed > 0 AND v_needed > v_available)",
        "(v_needed > 0 AND v_available <= 0)",
        CALLS + "test_v30_a_top_up_of_less_than_a_second_lifts_nothing",
    ),
    Mutant(
        "a call whose end is not final though more was used than is granted",
        SQL + "044_calls.sql",
        "v_reached bigint := greatest(p_granted, (v.hold).used_quantity);",
        "v_reached bigint := p_granted;",
        contract("calls: what an overrun has used is no longer granted"),
    ),
    Mutant(
        "an account without credits that talks on while nobody answers",
        SQL + "044_calls.sql",
        "WHEN q.final_reason IS NOT NULL THEN 0\n",
        "WHEN false THEN 0\n",
        contract("calls: credits that end make the quota final, and more credits lift it"),
    ),
    Mutant(
        "a total in credits that is longer than a call may be",
        SQL + "044_calls.sql",
        "p_op.verb = 2 AND p_op.amount_micros > 0",
        "p_op.verb = 1 AND p_op.amount_micros > 0",
        contract("calls: a total in credits is no longer than the plan has it either"),
    ),
    Mutant(
        "a quota that is told of other work in the same batch",
        SQL + "050_apply.sql",
        "IF v_call THEN\n                v_answer.quota",
        "IF v_call OR v_metered THEN\n                v_answer.quota",
        contract("calls: in one request only calls have quotas"),
    ),
    Mutant(
        "a leg that begins though the one before it could not be ended",
        SQL + "050_apply.sql",
        "(v_together AND v_first NOT IN (1, 10)) OR (v_usage.depends AND v_first >= 20) THEN",
        "(v_together AND v_first NOT IN (1, 10)) THEN",
        LEGS + "test_v53_a_transfer_of_nothing_changes_nothing",
    ),
    Mutant(
        "a leg that is ended though the next was refused",
        SQL + "050_apply.sql",
        "(v_together AND v.outcome NOT IN (1, 10)) OR (v_usage.depends AND v.outcome >= 20) THEN",
        "(v_together AND v.outcome NOT IN (1, 10)) THEN",
        contract("transfers: what cannot be reserved leaves what was to be replaced as it was"),
    ),
    Mutant(
        "a leg that goes on when the next is denied",
        SQL + "050_apply.sql",
        "(v_together AND v.outcome NOT IN (1, 10)) OR (v_usage.depends AND v.outcome >= 20) THEN",
        "(v_together OR v_usage.depends) AND v.outcome NOT IN (1, 10) THEN",
        LEGS + "test_v53_a_transfer_that_is_denied_still_ends_its_leg",
    ),
    Mutant(
        "a session that is opened though its message is denied",
        SQL + "050_apply.sql",
        "(v_together AND v.outcome NOT IN (1, 10)) OR (v_usage.depends AND v.outcome >= 20) THEN",
        "v_usage.depends AND v.outcome >= 20 THEN",
        CHATS + "test_c03_a_message_whose_session_cannot_be_paid_begins_nothing",
    ),
    Mutant(
        "a conversation whose credit is set aside with each of its messages",
        SQL + "052_conversations.sql",
        "        ELSIF (s.terms).pricing > 1 AND s.messages = 0 THEN\n            s.credits",
        "        ELSIF (s.terms).pricing > 1 THEN\n            s.credits",
        CHATS + "test_c07_a_conversation_and_its_messages_are_charged_once_each",
    ),
    Mutant(
        "a message that gives up the credit of a session that another may confirm",
        SQL + "052_conversations.sql",
        "IF m.state = 1 AND (s.terms).pricing > 1 AND s.messages = 0 AND c.others = 0 AND",
        "IF m.state = 1 AND (s.terms).pricing > 1 AND s.messages = 0 AND",
        CHATS + "test_c06_a_message_that_is_not_answered_costs_nothing_nor_its_session",
    ),
    Mutant(
        "a session that is there for a moment after its end",
        SQL + "052_conversations.sql",
        "coalesce(p_session.ends_at > p_now, false)",
        "coalesce(p_session.ends_at >= p_now, false)",
        contract("conversations: silence ends a session, and the next message opens another"),
    ),
    Mutant(
        "a session that goes on when its messages were given to a human",
        SQL + "052_conversations.sql",
        "        IF u.handed_off THEN\n",
        "        IF false THEN\n",
        CHATS + "test_c07_a_conversation_that_was_handed_off_begins_anew",
    ),
    Mutant(
        "a budget that forgets what is held",
        SQL + "038_counters.sql",
        "coalesce(k.spent_micros, 0) - coalesce(k.held_micros, 0),\n",
        "coalesce(k.spent_micros, 0),\n",
        contract("budgets: a budget bounds what each agent may spend and hold"),
        every_run=True,
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
)
