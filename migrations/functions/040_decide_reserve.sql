-- The functions of the version before, which knew no budgets.
DROP FUNCTION IF EXISTS creditgate.decide_reserve(
    creditgate.operation, creditgate.accounts, creditgate.holds, timestamptz);
DROP FUNCTION IF EXISTS creditgate.decide_charge(
    creditgate.operation, creditgate.accounts, creditgate.holds, timestamptz);
-- And no rates.
DROP FUNCTION IF EXISTS creditgate.decide_reserve(
    creditgate.operation, creditgate.accounts, creditgate.holds, timestamptz, creditgate.stake[]);

-- Reserve: find, replay?, account state?, limits, credits. p_stakes is NULL where the account has no budgets, p_rate where
-- the operation is by amount.
CREATE OR REPLACE FUNCTION creditgate.decide_reserve(
    p_op creditgate.operation, p_account creditgate.accounts, p_hold creditgate.holds, p_now timestamptz,
    p_stakes creditgate.stake[], p_rate creditgate.rate)
RETURNS creditgate.verdict
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v creditgate.verdict := ROW(1, p_op.amount_micros, 0, false, 0, 0, p_hold, NULL)::creditgate.verdict;
    v_funds bigint := p_account.settled_micros + p_account.overdraft_limit_micros;
    v_available bigint := v_funds - p_account.held_micros;
    -- A usage may be priced below the minimum; then all of it is needed, and no more.
    v_needed bigint := least(nullif(p_op.minimum_micros, 0), p_op.amount_micros);
    v_granted bigint;
    v_left bigint;
BEGIN
    IF p_hold.hold_id IS NOT NULL THEN
        IF p_hold.decision IS NULL THEN
            v.outcome := 25;
        ELSIF p_hold.fingerprint <> p_op.fingerprint THEN
            v.outcome := 23;
        ELSE
            v.outcome := p_hold.decision;
            v.asked_micros := p_hold.asked_micros;
            v.shortfall_micros := p_hold.asked_micros - p_hold.reserved_micros;
            v.replayed := true;
        END IF;
        RETURN v;
    END IF;

    IF p_account.status <> 1 THEN
        v.outcome := 6;
        RETURN v;
    END IF;

    v.limit_name := CASE
        WHEN v_needed > p_account.hold_max_micros THEN 'hold_max_micros'
        WHEN p_op.ttl_ms > p_account.hold_ttl_max_ms THEN 'hold_ttl_max'
        WHEN p_op.verb = 1 AND p_account.open_holds >= p_account.open_holds_max THEN 'open_holds_max'
        WHEN p_stakes IS NOT NULL THEN creditgate.denied_by(p_stakes, v_needed, p_op.verb = 1)
    END;
    IF v.limit_name IS NOT NULL THEN
        v.outcome := 5;
        RETURN v;
    END IF;

    IF greatest(v_available, 0) < v_needed THEN
        v.outcome := CASE WHEN v_needed > v_funds THEN 3 ELSE 4 END;
        v.shortfall_micros := v_needed - v_available;
        RETURN v;
    END IF;

    -- From here on the operation succeeds.
    IF p_stakes IS NOT NULL THEN
        v_left := creditgate.least_left(p_stakes);
    END IF;
    v_granted := least(p_op.amount_micros, greatest(v_available, 0), p_account.hold_max_micros, v_left);
    v.outcome := CASE WHEN v_granted < p_op.amount_micros THEN 2 ELSE 1 END;
    v.shortfall_micros := p_op.amount_micros - v_granted;
    v.hold := ROW(
        p_op.bucket, p_op.account_key, p_op.hold_id, 1, v.outcome, p_op.amount_micros,
        v_granted, v_granted, v_granted, 0, 0, 0, 0, 0, false, false, p_op.fingerprint,
        p_now, p_now + p_op.ttl_ms * interval '1 millisecond', NULL, '', p_op.details,
        NULL, p_rate, CASE WHEN p_rate.meter IS NOT NULL THEN 0 END, NULL, NULL, NULL, NULL, NULL)::creditgate.holds;
    RETURN v;
END $$;

-- Charge: a Reserve that is committed in the same breath.
CREATE OR REPLACE FUNCTION creditgate.decide_charge(
    p_op creditgate.operation, p_account creditgate.accounts, p_hold creditgate.holds, p_now timestamptz,
    p_stakes creditgate.stake[])
RETURNS creditgate.verdict
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v creditgate.verdict := creditgate.decide_reserve(
        p_op, p_account, p_hold, p_now, p_stakes, NULL);
    v_hold creditgate.holds := v.hold;
BEGIN
    IF v.outcome <= 2 AND NOT v.replayed THEN
        v.collected_micros := v_hold.granted_micros;
        v_hold.state := 2;
        v_hold.held_micros := 0;
        v_hold.used_micros := v_hold.granted_micros;
        v_hold.charged_micros := v_hold.granted_micros;
        v_hold.settled_at := p_now;
        v.hold := v_hold;
    END IF;
    RETURN v;
END $$;
