-- The function of the version before, which did not say how far work can go.
DROP FUNCTION IF EXISTS creditgate.answer(
    bigint, creditgate.verdict, creditgate.accounts, timestamptz, timestamptz);

-- The row that answers one operation; p_reach is what its work can come to, where that was priced.
CREATE OR REPLACE FUNCTION creditgate.answer(
    p_ordinal bigint, v creditgate.verdict, a creditgate.accounts, p_now timestamptz, p_retry_at timestamptz,
    p_reach bigint)
RETURNS creditgate.result
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    h creditgate.holds := v.hold;
BEGIN
    RETURN ROW(
        p_ordinal, v.outcome, v.asked_micros, v.shortfall_micros, p_retry_at, v.replayed, v.collected_micros,
        v.uncollected_micros, a.settled_micros, a.held_micros, a.overdraft_limit_micros, a.version, p_now,
        h.hold_id, h.state, h.granted_micros, h.held_micros, h.used_micros, h.charged_micros, h.uncollected_micros,
        h.refunded_micros, h.created_at, h.expires_at, h.settled_at, h.late, h.termination_cause, h.details,
        v.limit_name, h.used_quantity, h.rate,
        CASE WHEN (h.rate).meter IS NOT NULL THEN creditgate.affordable(h.rate, h.granted_micros) END, p_reach,
        h.lines,
        CASE WHEN h.lines IS NOT NULL THEN creditgate.affordable_lines(h.lines, h.granted_micros) END, NULL,
        h.gateway_id, h.gateway_epoch, NULL
    )::creditgate.result;
END $$;

-- When the first of an account's other open holds ends at the latest, given the holds a batch has changed in memory.
CREATE OR REPLACE FUNCTION creditgate.first_end(
    p_account creditgate.accounts, p_hold_id text, p_changed creditgate.holds[])
RETURNS timestamptz
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN least(
        (SELECT min(h.expires_at) FROM unnest(p_changed) AS h
          WHERE h.account_key = p_account.account_key AND h.state = 1 AND h.hold_id <> p_hold_id),
        (SELECT h.expires_at FROM creditgate.holds AS h
          WHERE h.bucket = p_account.bucket AND h.account_key = p_account.account_key AND h.state = 1
            AND h.hold_id <> p_hold_id
            AND h.hold_id <> ALL (ARRAY(SELECT c.hold_id FROM unnest(p_changed) AS c
                                         WHERE c.account_key = p_account.account_key))
          ORDER BY h.expires_at LIMIT 1));
END $$;
