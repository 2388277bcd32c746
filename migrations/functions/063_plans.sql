-- The function of a version before, which knew no budgets.
DROP FUNCTION IF EXISTS creditgate.put_plan(creditgate.plans);

-- Write a version of a plan, its budgets, its rate card, and its call and conversation terms (NULL: as usual): the next
-- one, or the same again with the same body. Of the card, version 0 is the latest there is now.
CREATE OR REPLACE FUNCTION creditgate.put_plan(
    p_plan creditgate.plans, p_budgets creditgate.budget[], p_rate_card_id text, p_rate_card_version integer,
    p_call_terms creditgate.call_terms, p_conversation_terms creditgate.conversation_terms,
    OUT p_outcome smallint, OUT p_replayed boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_known creditgate.plans;
    v_latest integer;
    v_card integer;
BEGIN
    p_outcome := 10;
    p_replayed := false;
    SELECT p.* INTO v_known FROM creditgate.plans AS p
     WHERE p.tenant_id = p_plan.tenant_id AND p.plan_id = p_plan.plan_id AND p.version = p_plan.version;
    IF v_known.plan_id IS NOT NULL THEN
        p_replayed := v_known.fingerprint = p_plan.fingerprint;
        p_outcome := CASE WHEN p_replayed THEN 10 ELSE 23 END;
        RETURN;
    END IF;
    SELECT coalesce(max(p.version), 0) INTO v_latest FROM creditgate.plans AS p
     WHERE p.tenant_id = p_plan.tenant_id AND p.plan_id = p_plan.plan_id;
    IF p_plan.version > v_latest + 1 THEN
        p_outcome := 32;
        RETURN;
    END IF;
    SELECT max(c.version) INTO v_card FROM creditgate.rate_cards AS c
     WHERE c.tenant_id = p_plan.tenant_id AND c.rate_card_id = p_rate_card_id
       AND (p_rate_card_version = 0 OR c.version = p_rate_card_version);
    IF p_rate_card_id <> '' AND v_card IS NULL THEN
        p_outcome := 40;
        RETURN;
    END IF;
    IF p_plan.version = v_latest + 1 THEN
        p_plan.created_at := creditgate.clock();
        INSERT INTO creditgate.plans SELECT p_plan.* ON CONFLICT DO NOTHING;
        IF FOUND THEN
            INSERT INTO creditgate.plan_budgets
            SELECT p_plan.tenant_id, p_plan.plan_id, p_plan.version, p_budgets WHERE cardinality(p_budgets) > 0;
            INSERT INTO creditgate.plan_rate_cards
            SELECT p_plan.tenant_id, p_plan.plan_id, p_plan.version, p_rate_card_id, v_card WHERE v_card IS NOT NULL;
            INSERT INTO creditgate.plan_call_terms
            SELECT p_plan.tenant_id, p_plan.plan_id, p_plan.version, p_call_terms WHERE p_call_terms IS NOT NULL;
            INSERT INTO creditgate.plan_conversation_terms
            SELECT p_plan.tenant_id, p_plan.plan_id, p_plan.version, p_conversation_terms
             WHERE p_conversation_terms IS NOT NULL;
            RETURN;
        END IF;
    END IF;
    -- Another caller wrote this version at the same moment: judge again by what it wrote.
    SELECT * INTO p_outcome, p_replayed FROM creditgate.put_plan(
        p_plan, p_budgets, p_rate_card_id, p_rate_card_version, p_call_terms, p_conversation_terms);
END $$;

-- As servers of the version before write plans, whose calls and conversations are as usual.
CREATE OR REPLACE FUNCTION creditgate.put_plan(
    p_plan creditgate.plans, p_budgets creditgate.budget[], p_rate_card_id text, p_rate_card_version integer,
    OUT p_outcome smallint, OUT p_replayed boolean)
LANGUAGE sql AS $$
    SELECT * FROM creditgate.put_plan(p_plan, p_budgets, p_rate_card_id, p_rate_card_version, NULL, NULL)
$$;

-- As servers before that one write plans, which have no rate card.
CREATE OR REPLACE FUNCTION creditgate.put_plan(
    p_plan creditgate.plans, p_budgets creditgate.budget[], OUT p_outcome smallint, OUT p_replayed boolean)
LANGUAGE sql AS $$
    SELECT * FROM creditgate.put_plan(p_plan, p_budgets, '', 0)
$$;

-- Book an add-on: its credits come now, and with every cycle from the next on.
CREATE OR REPLACE FUNCTION creditgate.add_addon(
    p_bucket smallint, p_account_key uuid, p_addon_id text, p_amount_micros bigint, p_lasts boolean,
    p_priority integer, p_fingerprint bytea)
RETURNS creditgate.admin_result
LANGUAGE plpgsql AS $$
DECLARE
    v creditgate.admin_result := ROW(10, false, 0, NULL, NULL, NULL, NULL);
    a creditgate.accounts;
    v_known creditgate.addons;
    v_locked record;
BEGIN
    SELECT * INTO v_locked FROM creditgate.lock_account(p_bucket, p_account_key);
    a := v_locked.p_account;
    v.account := a;
    v.as_of := v_locked.p_now;
    SELECT d.* INTO v_known FROM creditgate.addons AS d
     WHERE d.bucket = p_bucket AND d.account_key = p_account_key AND d.addon_id = p_addon_id;
    IF a.account_key IS NULL THEN
        v.outcome := 20;
    ELSIF v_known.addon_id IS NOT NULL THEN
        v.replayed := v_known.fingerprint = p_fingerprint;
        v.outcome := CASE WHEN v.replayed THEN 10 ELSE 23 END;
    ELSIF a.status = 3 THEN
        v.outcome := 29;
    ELSIF a.cycle_ends_at IS NULL THEN
        v.outcome := 33;
    ELSIF p_amount_micros > creditgate.room(a) THEN
        v.outcome := 28;
    END IF;
    IF v.outcome <> 10 OR v.replayed THEN
        RETURN v;
    END IF;

    -- From here on the operation succeeds.
    INSERT INTO creditgate.addons VALUES (
        p_bucket, p_account_key, p_addon_id, p_amount_micros, p_lasts, p_priority, p_fingerprint, v.as_of, NULL);
    a := creditgate.add_cycle_grant(
        a, creditgate.cycle_grant_id(v.as_of, 'addon/' || p_addon_id), 2::smallint, p_amount_micros, p_priority, v.as_of,
        CASE WHEN NOT p_lasts THEN a.cycle_ends_at END, v.as_of);
    SELECT * INTO v_locked FROM creditgate.advance(a, v.as_of, 256, NULL, 0);
    v.account := v_locked.p_account;
    RETURN v;
END $$;

-- Cancel an add-on: it comes no more; what it brought stays.
CREATE OR REPLACE FUNCTION creditgate.cancel_addon(p_bucket smallint, p_account_key uuid, p_addon_id text)
RETURNS creditgate.admin_result
LANGUAGE plpgsql AS $$
DECLARE
    v creditgate.admin_result := ROW(10, false, 0, NULL, NULL, NULL, NULL);
    v_locked record;
BEGIN
    SELECT * INTO v_locked FROM creditgate.lock_account(p_bucket, p_account_key);
    v.account := v_locked.p_account;
    v.as_of := v_locked.p_now;
    UPDATE creditgate.addons AS d SET cancelled_at = coalesce(d.cancelled_at, v.as_of)
     WHERE d.bucket = p_bucket AND d.account_key = p_account_key AND d.addon_id = p_addon_id;
    IF NOT FOUND THEN
        v.outcome := CASE WHEN (v.account).account_key IS NULL THEN 20 ELSE 34 END;
    END IF;
    RETURN v;
END $$;
