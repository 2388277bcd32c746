-- Lock an account and bring it up to now; NULL when there is none.
CREATE OR REPLACE FUNCTION creditgate.lock_account(
    p_bucket smallint, p_account_key uuid, OUT p_account creditgate.accounts, OUT p_now timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    v_step record;
BEGIN
    SELECT a.* INTO p_account FROM creditgate.accounts AS a
     WHERE a.bucket = p_bucket AND a.account_key = p_account_key
       FOR NO KEY UPDATE;
    p_now := creditgate.clock();
    WHILE p_account.due_at <= p_now LOOP
        SELECT * INTO v_step FROM creditgate.advance(p_account, p_now, 256, NULL, 0);
        p_account := v_step.p_account;
    END LOOP;
END $$;

-- Open an account; the same name with the same body answers the account, with another body it is refused.
CREATE OR REPLACE FUNCTION creditgate.create_account(
    p_bucket smallint, p_account_key uuid, p_tenant_id uuid, p_account_id text,
    p_overdraft_limit_micros bigint, p_overage_policy smallint, p_labels jsonb)
RETURNS creditgate.admin_result
LANGUAGE plpgsql AS $$
DECLARE
    v creditgate.admin_result := ROW(10, false, 0, NULL, NULL, NULL, NULL);
    v_body jsonb := jsonb_build_array(p_overdraft_limit_micros, p_overage_policy, p_labels);
    v_locked record;
BEGIN
    INSERT INTO creditgate.accounts (
        bucket, account_key, tenant_id, account_id, status, overage_policy, overdraft_limit_micros, labels, opened_as,
        created_at)
    VALUES (
        p_bucket, p_account_key, p_tenant_id, p_account_id, 1, p_overage_policy, p_overdraft_limit_micros, p_labels,
        v_body, creditgate.clock())
    ON CONFLICT (bucket, account_key) DO NOTHING;
    v.replayed := NOT FOUND;
    SELECT * INTO v_locked FROM creditgate.lock_account(p_bucket, p_account_key);
    v.account := v_locked.p_account;
    v.as_of := v_locked.p_now;
    IF v.replayed AND (v.account).opened_as <> v_body THEN
        v.outcome := 23;
    END IF;
    RETURN v;
END $$;

-- Change what is given; NULL leaves a field as it is. A closed account stays closed. A plan takes effect now, or with the
-- next cycle where p_next_cycle says so and there is one; another anchor or time zone moves the end of the running cycle.
-- Thresholds are the account's own from then on, until p_plan_thresholds gives it the plan's again.
CREATE OR REPLACE FUNCTION creditgate.update_account(
    p_bucket smallint, p_account_key uuid,
    p_overdraft_limit_micros bigint, p_overage_policy smallint, p_status smallint,
    p_plan_id text, p_plan_version integer, p_next_cycle boolean, p_time_zone text, p_anchor_at timestamptz,
    p_thresholds bigint[] DEFAULT NULL, p_plan_thresholds boolean DEFAULT false, p_auto_topup jsonb DEFAULT NULL)
RETURNS creditgate.admin_result
LANGUAGE plpgsql AS $$
DECLARE
    v creditgate.admin_result := ROW(10, false, 0, NULL, NULL, NULL, NULL);
    a creditgate.accounts;
    v_plan creditgate.plans;
    v_locked record;
BEGIN
    SELECT * INTO v_locked FROM creditgate.lock_account(p_bucket, p_account_key);
    a := v_locked.p_account;
    v.account := a;
    v.as_of := v_locked.p_now;
    SELECT p.* INTO v_plan FROM creditgate.plans AS p
     WHERE p.tenant_id = a.tenant_id AND p.plan_id = p_plan_id AND p.version = p_plan_version;
    IF a.account_key IS NULL THEN
        v.outcome := 20;
    ELSIF p_plan_id IS NOT NULL AND v_plan.plan_id IS NULL THEN
        v.outcome := 31;
    ELSIF a.status = 3 AND (p_status <> 3 OR p_plan_id IS NOT NULL) THEN
        v.outcome := 29;
    END IF;
    IF v.outcome <> 10 THEN
        RETURN v;
    END IF;

    -- From here on the operation succeeds.
    a.status := coalesce(p_status, a.status);
    IF a.time_zone <> p_time_zone OR a.anchor_at IS DISTINCT FROM coalesce(p_anchor_at, a.anchor_at) THEN
        a := creditgate.move_cycle(
            a, coalesce(p_anchor_at, a.anchor_at), coalesce(p_time_zone, a.time_zone), v.as_of);
    END IF;
    IF v_plan.plan_id IS NOT NULL AND p_next_cycle AND a.cycle_ends_at IS NOT NULL THEN
        a.next_plan_id := p_plan_id;
        a.next_plan_version := p_plan_version;
    ELSIF (v_plan.plan_id, v_plan.version) IS DISTINCT FROM (a.plan_id, a.plan_version)
          AND v_plan.plan_id IS NOT NULL THEN
        a := creditgate.start_plan(a, v_plan, p_anchor_at, v.as_of);
    END IF;
    a.overdraft_limit_micros := coalesce(p_overdraft_limit_micros, a.overdraft_limit_micros);
    a.overage_policy := coalesce(p_overage_policy, a.overage_policy);
    IF p_plan_thresholds OR p_thresholds IS NOT NULL THEN
        SELECT p.* INTO v_plan FROM creditgate.plans AS p
         WHERE p.tenant_id = a.tenant_id AND p.plan_id = a.plan_id AND p.version = a.plan_version;
        a.own_thresholds := NOT p_plan_thresholds;
        a := creditgate.set_thresholds(
            a, CASE WHEN p_plan_thresholds THEN coalesce(v_plan.thresholds, '{0}') ELSE p_thresholds END,
            v_plan.allowance_micros);
    END IF;
    -- Another setting counts at once, but for a request under way, which is to be answered.
    IF a.auto_topup IS DISTINCT FROM coalesce(p_auto_topup, a.auto_topup) OR a.status IS DISTINCT FROM (v.account).status THEN
        a.auto_topup := coalesce(p_auto_topup, a.auto_topup);
        IF a.topup_request_id IS NULL THEN
            a := creditgate.arm_topup(a);
        END IF;
    END IF;
    IF a IS DISTINCT FROM v.account THEN
        a.version := a.version + 1;
        PERFORM creditgate.write_terms(a);
        IF a.budget_numbers > 0 THEN
            PERFORM creditgate.move_periods(a, v.as_of);
        END IF;
        SELECT * INTO v_locked FROM creditgate.advance_from(v.account, a, v.as_of, 256, NULL, 0);
        a := v_locked.p_account;
    END IF;
    v.account := a;
    RETURN v;
END $$;
