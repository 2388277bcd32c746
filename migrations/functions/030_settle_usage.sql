-- Take a hold's cumulative usage to a higher total. The part inside the hold is always collected; beyond it only what
-- is available, never what other holds have; the rest follows the account's overage policy.
CREATE OR REPLACE FUNCTION creditgate.settle_usage(
    p_verdict creditgate.verdict, p_account creditgate.accounts, p_used_micros bigint)
RETURNS creditgate.verdict
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v creditgate.verdict := p_verdict;
    v_hold creditgate.holds := p_verdict.hold;
    v_delta bigint := p_used_micros - v_hold.used_micros;
    v_inside bigint := least(v_delta, v_hold.held_micros);
    v_available bigint :=
        p_account.settled_micros + p_account.overdraft_limit_micros - p_account.held_micros;
BEGIN
    v.collected_micros := v_delta;
    IF p_account.overage_policy = 1 THEN
        v.collected_micros := v_inside + least(v_delta - v_inside, greatest(v_available, 0));
    END IF;
    v.uncollected_micros := v_delta - v.collected_micros;
    v_hold.used_micros := p_used_micros;
    v_hold.charged_micros := v_hold.charged_micros + v.collected_micros;
    v_hold.uncollected_micros := v_hold.uncollected_micros + v.uncollected_micros;
    v_hold.held_micros := v_hold.held_micros - v_inside;
    v.hold := v_hold;
    -- A debt beyond the range of amounts is refused before anything else happens.
    IF p_account.settled_micros - v.collected_micros < -4000000000000000000 THEN
        v.outcome := 28;
    END IF;
    RETURN v;
END $$;
