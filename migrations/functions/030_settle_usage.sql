-- Take a hold's cumulative usage to a higher total. The part inside the hold is always collected; beyond it only what
-- is available, never what other holds have; the rest follows the account's overage policy. DENY collects nothing beyond
-- what the hold was granted, though much may be available: of a hold that has expired, its granted part.
CREATE OR REPLACE FUNCTION creditgate.settle_usage(
    p_verdict creditgate.verdict, p_account creditgate.accounts, p_used_micros bigint)
RETURNS creditgate.verdict
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v creditgate.verdict := p_verdict;
    v_hold creditgate.holds := p_verdict.hold;
    v_delta bigint := p_used_micros - v_hold.used_micros;
    v_inside bigint := least(v_delta, v_hold.held_micros);
    v_beyond bigint := v_delta - v_inside;
    v_available bigint :=
        p_account.settled_micros + p_account.overdraft_limit_micros - p_account.held_micros;
BEGIN
    IF p_account.overage_policy = 3 THEN
        v_beyond := least(v_beyond, greatest(v_hold.granted_micros - v_hold.used_micros - v_inside, 0));
    END IF;
    IF p_account.overage_policy <> 2 THEN
        v_beyond := least(v_beyond, greatest(v_available, 0));
    END IF;
    v.collected_micros := v_inside + v_beyond;
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
