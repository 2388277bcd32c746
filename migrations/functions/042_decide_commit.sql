-- Commit: find, total already known?, state?, charge the difference, end the hold. A hold that expired stays expired;
-- usage reported after that is charged late, until a final Commit closes it.
CREATE OR REPLACE FUNCTION creditgate.decide_commit(
    p_op creditgate.operation, p_account creditgate.accounts, p_hold creditgate.holds, p_now timestamptz)
RETURNS creditgate.verdict
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v creditgate.verdict := ROW(10, p_op.used_micros, 0, false, 0, 0, p_hold, NULL)::creditgate.verdict;
    v_hold creditgate.holds;
BEGIN
    IF p_hold.hold_id IS NULL THEN
        v.outcome := 21;
        RETURN v;
    END IF;

    IF p_op.used_micros > p_hold.used_micros THEN
        IF p_hold.state = 2 OR p_hold.closed THEN
            v.outcome := 24;
            RETURN v;
        ELSIF p_hold.state = 3 THEN
            v.outcome := 25;
            RETURN v;
        END IF;
        v := creditgate.settle_usage(v, p_account, p_op.used_micros);
        IF v.outcome = 28 THEN RETURN v; END IF;
    END IF;

    -- From here on the operation succeeds.
    v_hold := v.hold;
    IF p_hold.state = 4 AND (v_hold.used_micros > p_hold.used_micros OR NOT p_op.keep_open) THEN
        v_hold.late := true;
    END IF;
    IF NOT p_op.keep_open AND (p_hold.state = 1 OR (p_hold.state = 4 AND NOT p_hold.closed)) THEN
        v_hold.closed := true;
        v_hold.termination_cause := p_op.termination_cause;
        IF p_hold.state = 1 THEN
            v_hold.state := 2;
            v_hold.settled_at := p_now;
            v_hold.held_micros := 0;
        END IF;
    END IF;
    v.hold := v_hold;
    RETURN v;
END $$;
