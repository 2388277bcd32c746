-- Release: end an open hold; answer an ended one; remember a name that was not reserved yet.
CREATE OR REPLACE FUNCTION creditgate.decide_release(
    p_op creditgate.operation, p_account creditgate.accounts, p_hold creditgate.holds, p_now timestamptz)
RETURNS creditgate.verdict
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v creditgate.verdict := ROW(10, 0, 0, false, 0, 0, p_hold, NULL)::creditgate.verdict;
    v_hold creditgate.holds := p_hold;
BEGIN
    IF p_hold.hold_id IS NULL THEN
        v.hold := ROW(
            p_op.bucket, p_op.account_key, p_op.hold_id, 3, NULL, 0, 0, 0, 0, 0, 0, 0, 0, 0, false, false, NULL,
            p_now, p_now, p_now, p_op.termination_cause, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
            ::creditgate.holds;
    ELSIF p_hold.state = 1 THEN
        v_hold.state := 3;
        v_hold.held_micros := 0;
        v_hold.settled_at := p_now;
        v_hold.termination_cause := p_op.termination_cause;
        v.hold := v_hold;
    END IF;
    RETURN v;
END $$;
