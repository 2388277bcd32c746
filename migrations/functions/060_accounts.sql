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
    IF p_account.due_at <= p_now THEN
        SELECT * INTO v_step FROM creditgate.advance(p_account, p_now, 256, NULL, 0);
        p_account := v_step.p_account;
    END IF;
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

-- Change what is given; NULL leaves a field as it is. A closed account stays closed.
CREATE OR REPLACE FUNCTION creditgate.update_account(
    p_bucket smallint, p_account_key uuid,
    p_overdraft_limit_micros bigint, p_overage_policy smallint, p_status smallint)
RETURNS creditgate.admin_result
LANGUAGE plpgsql AS $$
DECLARE
    v creditgate.admin_result := ROW(10, false, 0, NULL, NULL, NULL, NULL);
    a creditgate.accounts;
    v_locked record;
BEGIN
    SELECT * INTO v_locked FROM creditgate.lock_account(p_bucket, p_account_key);
    a := v_locked.p_account;
    v.as_of := v_locked.p_now;
    IF a.account_key IS NULL THEN
        v.outcome := 20;
        RETURN v;
    END IF;
    v.account := a;
    IF a.status = 3 AND p_status <> 3 THEN
        v.outcome := 29;
        RETURN v;
    END IF;
    a.overdraft_limit_micros := coalesce(p_overdraft_limit_micros, a.overdraft_limit_micros);
    a.overage_policy := coalesce(p_overage_policy, a.overage_policy);
    a.status := coalesce(p_status, a.status);
    IF a IS DISTINCT FROM v.account THEN
        a.version := a.version + 1;
        UPDATE creditgate.accounts AS u
           SET overdraft_limit_micros = a.overdraft_limit_micros, overage_policy = a.overage_policy,
               status = a.status, version = a.version
         WHERE u.bucket = p_bucket AND u.account_key = p_account_key;
    END IF;
    v.account := a;
    RETURN v;
END $$;
