-- How the calls of an account run: as its plan says, or as usual.
CREATE OR REPLACE FUNCTION creditgate.call_terms_of(p_account creditgate.accounts) RETURNS creditgate.call_terms
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE WHEN (p_account.call_terms).final_action IS NULL
        THEN ROW(0, 10000, 30000, 1, '', 1, 3, 0)::creditgate.call_terms ELSE p_account.call_terms END;
END $$;

-- Take what a call asks beyond the longest it may be as not asked for. What it reports is left as it is.
CREATE OR REPLACE FUNCTION creditgate.cap_call(
    INOUT p_op creditgate.operation, INOUT p_usage creditgate.metered, p_account creditgate.accounts,
    p_hold creditgate.holds)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_max bigint := nullif((p_account.call_terms).max_duration_seconds, 0);
BEGIN
    IF p_usage.quantity > v_max THEN
        p_usage.quantity := v_max;
    END IF;
    IF v_max IS NOT NULL AND p_op.verb = 2 AND p_op.amount_micros > 0 THEN
        p_op.amount_micros := least(p_op.amount_micros, creditgate.price(p_hold.rate, v_max));
    END IF;
END $$;

-- Keep with a new hold the gateway that carries its call.
CREATE OR REPLACE FUNCTION creditgate.keep_gateway(p_hold creditgate.holds, p_usage creditgate.metered)
RETURNS creditgate.holds
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    h creditgate.holds := p_hold;
BEGIN
    h.gateway_id := p_usage.gateway_id;
    h.gateway_key := p_usage.gateway_key;
    h.gateway_epoch := p_usage.gateway_epoch;
    RETURN h;
END $$;

-- Why a call is granted no more, as things stand after a verdict; NULL where more would be. What is needed is the price of
-- the second after those that are granted, or used, as far as the hold does not keep it already.
CREATE OR REPLACE FUNCTION creditgate.final_reason(
    p_account creditgate.accounts, v creditgate.verdict, p_rate creditgate.rate, p_granted bigint, p_max bigint,
    p_stakes creditgate.stake[])
RETURNS smallint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_reached bigint := greatest(p_granted, (v.hold).used_quantity);
    v_next numeric := creditgate.price(p_rate, least(v_reached + 1, 1000000000000000000));
    v_needed numeric := greatest(v_next - coalesce((v.hold).used_micros, 0), 0) - coalesce((v.hold).held_micros, 0);
    v_available bigint := p_account.settled_micros + p_account.overdraft_limit_micros - p_account.held_micros;
BEGIN
    RETURN CASE
        WHEN v.outcome = 5 THEN 3
        WHEN p_account.status <> 1 THEN 4
        WHEN v_reached >= p_max THEN 2
        WHEN v_next > p_account.hold_max_micros THEN 3
        WHEN v_needed > 0 AND v_needed > creditgate.least_left(coalesce(p_stakes, '{}')) THEN 3
        WHEN v.outcome IN (3, 4) OR (v_needed > 0 AND v_needed > v_available) THEN 1
    END;
END $$;

-- How long a call may go on after a verdict; NULL where its hold has ended.
CREATE OR REPLACE FUNCTION creditgate.call_quota(
    p_account creditgate.accounts, v creditgate.verdict, p_rate creditgate.rate, p_stakes creditgate.stake[],
    p_now timestamptz)
RETURNS creditgate.quota
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    h creditgate.holds := v.hold;
    t creditgate.call_terms := creditgate.call_terms_of(p_account);
    q creditgate.quota;
    v_rate creditgate.rate := CASE WHEN h.hold_id IS NULL THEN p_rate ELSE h.rate END;
    v_max bigint := nullif(t.max_duration_seconds, 0);
    v_left bigint;
BEGIN
    IF h.state <> 1 THEN
        RETURN NULL;
    END IF;
    q.granted_quantity := CASE
        WHEN h.hold_id IS NULL THEN 0 ELSE least(creditgate.affordable(v_rate, h.granted_micros), v_max) END;
    v_left := greatest(q.granted_quantity - coalesce(h.used_quantity, 0), 0);
    -- A call that costs nothing is funded until the end of the times that can be said.
    q.funded_until := least(
        p_now + least(v_left, 252000000000) * interval '1 second', '9998-12-31 23:59:59+00'::timestamptz);
    q.renew_before_ms := least(t.renew_before_ms, least(v_left, 86400) * 500);
    q.final_reason := creditgate.final_reason(p_account, v, v_rate, q.granted_quantity, v_max, p_stakes);
    q.offline_allowance_seconds := CASE
        WHEN q.final_reason IS NOT NULL THEN 0
        ELSE least(t.offline_allowance_seconds, v_max - q.granted_quantity) END;
    q.terms := t;
    RETURN q;
END $$;

-- The hold of a call, with what it may cost beyond what was granted while nobody is asked: as much as its quota allows;
-- NULL where that has no bound.
CREATE OR REPLACE FUNCTION creditgate.with_exposure(p_hold creditgate.holds, p_quota creditgate.quota)
RETURNS creditgate.holds
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    h creditgate.holds := p_hold;
BEGIN
    IF h.state = 1 THEN
        h.offline_micros := CASE
            WHEN p_quota.final_reason IS NOT NULL OR (p_quota.terms).on_extend_failure = 1 THEN 0
            WHEN (p_quota.terms).on_extend_failure = 3 THEN least(greatest(
                creditgate.price(h.rate, p_quota.granted_quantity + p_quota.offline_allowance_seconds)
                - h.granted_micros, 0), 1000000000000000000)
        END;
    END IF;
    RETURN h;
END $$;
