-- Write a version of a rate card: the next one, or the same again with the same body.
CREATE OR REPLACE FUNCTION creditgate.put_rate_card(
    p_tenant_id uuid, p_rate_card_id text, p_version integer, p_name text, p_rates creditgate.rate[],
    p_fingerprint bytea, OUT p_outcome smallint, OUT p_replayed boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_known bytea;
    v_latest integer;
BEGIN
    p_outcome := 10;
    p_replayed := false;
    SELECT c.fingerprint INTO v_known FROM creditgate.rate_cards AS c
     WHERE c.tenant_id = p_tenant_id AND c.rate_card_id = p_rate_card_id AND c.version = p_version;
    IF v_known IS NOT NULL THEN
        p_replayed := v_known = p_fingerprint;
        p_outcome := CASE WHEN p_replayed THEN 10 ELSE 23 END;
        RETURN;
    END IF;
    SELECT coalesce(max(c.version), 0) INTO v_latest FROM creditgate.rate_cards AS c
     WHERE c.tenant_id = p_tenant_id AND c.rate_card_id = p_rate_card_id;
    IF p_version > v_latest + 1 THEN
        p_outcome := 32;
        RETURN;
    END IF;
    IF p_version = v_latest + 1 THEN
        INSERT INTO creditgate.rate_cards
        VALUES (p_tenant_id, p_rate_card_id, p_version, p_name, p_fingerprint, creditgate.clock())
        ON CONFLICT DO NOTHING;
        IF FOUND THEN
            INSERT INTO creditgate.rates
            SELECT p_tenant_id, p_rate_card_id, p_version, r.meter, r.model, r FROM unnest(p_rates) AS r;
            RETURN;
        END IF;
    END IF;
    -- Another caller wrote this version at the same moment: judge again by what it wrote.
    SELECT * INTO p_outcome, p_replayed FROM creditgate.put_rate_card(
        p_tenant_id, p_rate_card_id, p_version, p_name, p_rates, p_fingerprint);
END $$;
