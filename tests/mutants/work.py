"""Bugs in what work costs: rates, meters, promised prices, legs, calls and conversations."""

from __future__ import annotations

from tests.mutants.mutant import SERVER, SQL, Mutant, contract

CHATS = "tests/conformance/test_conversations.py::"
QUOTES = "tests/conformance/test_quotes.py::"
LEGS = "tests/conformance/test_transfers.py::"
LINES = "tests/property/test_lines.py::"
CALLS = "tests/conformance/test_calls.py::"

MUTANTS_OF_WORK = (
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
        "v_call := v_usage.gateway_key IS NOT NULL OR",
        "v_call := coalesce(v_call, false) OR v_usage.gateway_key IS NOT NULL OR",
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
)
