-- The function of the version before, which knew no budgets.
DROP FUNCTION IF EXISTS creditgate.decide_extend(
    creditgate.operation, creditgate.accounts, creditgate.holds, timestamptz);

-- Extend: find, state?, charge the reported usage, then account state, limits and the raise.
CREATE OR REPLACE FUNCTION creditgate.decide_extend(
    p_op creditgate.operation, p_account creditgate.accounts, p_hold creditgate.holds, p_now timestamptz,
    p_stakes creditgate.stake[])
RETURNS creditgate.verdict
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v creditgate.verdict := ROW(1, coalesce(p_op.amount_micros, 0), 0, false, 0, 0, p_hold, NULL)
        ::creditgate.verdict;
    v_hold creditgate.holds;
    v_funds bigint;
    v_available bigint;
    v_wanted bigint;
    v_needed bigint;
    v_total bigint;
    v_left bigint;
    v_over bigint;
BEGIN
    IF p_hold.hold_id IS NULL OR p_hold.state <> 1 THEN
        v.outcome := CASE WHEN p_hold.hold_id IS NULL THEN 21 ELSE 22 + p_hold.state END;
        RETURN v;
    END IF;

    IF p_op.used_micros > p_hold.used_micros THEN
        v := creditgate.settle_usage(v, p_account, p_op.used_micros);
        IF v.outcome = 28 THEN RETURN v; END IF;
    END IF;
    v_hold := v.hold;

    IF p_op.amount_micros > p_hold.granted_micros AND p_account.status <> 1 THEN
        v.outcome := 6;
        RETURN v;
    END IF;

    v.limit_name := CASE
        WHEN p_op.ttl_ms > p_account.hold_ttl_max_ms THEN 'hold_ttl_max'
        WHEN p_op.amount_micros > p_hold.granted_micros AND least(p_op.amount_micros,
            p_hold.granted_micros + nullif(p_op.minimum_micros, 0)) > p_account.hold_max_micros THEN 'hold_max_micros'
    END;
    IF v.limit_name IS NOT NULL THEN
        v.outcome := 5;
        RETURN v;
    END IF;

    IF p_op.amount_micros > p_hold.granted_micros THEN
        v_total := least(p_op.amount_micros, p_account.hold_max_micros);
        -- What the raise takes from others is what it adds to the part of the hold that is not used yet. Usage beyond
        -- the hold was collected from what was available.
        v_funds := p_account.settled_micros - v.collected_micros + p_account.overdraft_limit_micros;
        v_available := v_funds - (p_account.held_micros - p_hold.held_micros + v_hold.held_micros);
        v_wanted := greatest(v_total - v_hold.used_micros, 0) - v_hold.held_micros;
        v_needed := v_wanted;
        IF p_op.minimum_micros > 0 THEN
            v_needed := least(v_wanted,
                greatest(v_hold.granted_micros + p_op.minimum_micros - v_hold.used_micros, 0) - v_hold.held_micros);
        END IF;
        IF p_stakes IS NOT NULL AND v_wanted > 0 THEN
            -- Usage within the hold has been counted since it was held; what was collected beyond it counts now.
            v_over := v.collected_micros - (p_hold.held_micros - v_hold.held_micros);
            IF v_needed > 0 THEN
                v.limit_name := creditgate.denied_by(p_stakes, v_needed + v_over, false);
            END IF;
            IF v.limit_name IS NOT NULL THEN
                v.outcome := 5;
                RETURN v;
            END IF;
            -- A minimum lets budgets cap the raise, as the largest hold does.
            v_left := creditgate.least_left(p_stakes) - v_over;
            IF v_left < v_wanted THEN
                v_over := v_wanted - greatest(v_left, 0);
                v_total := v_total - v_over;
                v_wanted := v_wanted - v_over;
            END IF;
        END IF;
        IF v_needed > 0 AND v_available < v_needed THEN
            v.outcome := CASE WHEN v_needed > v_funds - v_hold.held_micros THEN 3 ELSE 4 END;
            v.shortfall_micros := v_needed - v_available;
            RETURN v;
        END IF;
        -- From here on the operation succeeds.
        v_hold.granted_micros := v_total - greatest(v_wanted - greatest(v_available, 0), 0);
        IF v_hold.granted_micros < p_op.amount_micros THEN
            v.outcome := 2;
            v.shortfall_micros := p_op.amount_micros - v_total + greatest(v_wanted - v_available, 0);
        END IF;
        v_hold.held_micros := greatest(v_hold.granted_micros - v_hold.used_micros, 0);
    END IF;

    v_hold.expires_at := greatest(v_hold.expires_at, p_now + p_op.ttl_ms * interval '1 millisecond');
    v.hold := v_hold;
    RETURN v;
END $$;
