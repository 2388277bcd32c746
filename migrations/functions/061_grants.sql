-- How much an account can take now and still take later what is pending or not paid for.
CREATE OR REPLACE FUNCTION creditgate.room(p_account creditgate.accounts) RETURNS numeric
LANGUAGE sql STABLE AS $$
    SELECT 4000000000000000000 - p_account.settled_micros - coalesce(sum(g.amount_micros), 0)
      FROM creditgate.grants AS g
     WHERE g.bucket = p_account.bucket AND g.account_key = p_account.account_key AND g.state < 2
$$;

-- Count credits that have been ordered, or are not unpaid any more.
CREATE OR REPLACE FUNCTION creditgate.count_unpaid(p_account creditgate.accounts, p_micros bigint)
RETURNS creditgate.accounts
LANGUAGE plpgsql AS $$
BEGIN
    p_account.unpaid_micros := p_account.unpaid_micros + p_micros;
    UPDATE creditgate.accounts AS u SET unpaid_micros = p_account.unpaid_micros
     WHERE u.bucket = p_account.bucket AND u.account_key = p_account.account_key;
    RETURN p_account;
END $$;

-- Give credits by name: find, replay?, account state?, package?, range; then live at once, or pending until effective,
-- or waiting to be paid for. A package says how much, in which place and for how long, in the stead of the caller.
CREATE OR REPLACE FUNCTION creditgate.add_grant(
    p_bucket smallint, p_account_key uuid, p_grant_id text, p_kind smallint, p_amount_micros bigint,
    p_priority integer, p_effective_at timestamptz, p_expires_at timestamptz, p_reference text, p_fingerprint bytea,
    p_unpaid boolean DEFAULT false, p_package_id text DEFAULT NULL, p_package_version integer DEFAULT 0,
    p_quantity bigint DEFAULT NULL)
RETURNS creditgate.admin_result
LANGUAGE plpgsql AS $$
DECLARE
    v creditgate.admin_result := ROW(10, false, 0, NULL, NULL, NULL, NULL);
    a creditgate.accounts;
    g creditgate.grants;
    k creditgate.packages;
    v_micros numeric := p_amount_micros;
    v_effective_at timestamptz;
    v_locked record;
BEGIN
    SELECT * INTO v_locked FROM creditgate.lock_account(p_bucket, p_account_key);
    a := v_locked.p_account;
    v.account := a;
    v.as_of := v_locked.p_now;
    IF a.account_key IS NULL THEN
        v.outcome := 20;
        RETURN v;
    END IF;
    v_effective_at := coalesce(p_effective_at, v.as_of);

    SELECT s.* INTO g FROM creditgate.grants AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.grant_id = p_grant_id;
    IF g.seq IS NOT NULL THEN
        v.replayed := g.fingerprint = p_fingerprint;
        v.outcome := CASE WHEN v.replayed THEN 10 ELSE 23 END;
        v.granted := g;
        RETURN v;
    END IF;

    IF a.status = 3 THEN
        v.outcome := 29;
        RETURN v;
    END IF;
    IF p_package_id IS NOT NULL THEN
        SELECT p.* INTO k FROM creditgate.packages AS p
         WHERE p.tenant_id = a.tenant_id AND p.package_id = p_package_id
           AND (p_package_version = 0 OR p.version = p_package_version)
         ORDER BY p.version DESC LIMIT 1;
        IF k.package_id IS NULL THEN
            v.outcome := 36;
            RETURN v;
        END IF;
        v_micros := k.amount_micros::numeric * p_quantity;
        p_priority := k.priority;
        p_expires_at := creditgate.valid_until(v_effective_at, k.valid_for_ms);
    END IF;
    IF v_micros > least(creditgate.room(a), 1000000000000000000) THEN
        v.outcome := 28;
        RETURN v;
    END IF;

    -- From here on the operation succeeds.
    a.grant_count := a.grant_count + 1;
    INSERT INTO creditgate.grants (
        bucket, account_key, seq, grant_id, kind, state, spendable, amount_micros, remaining_micros, priority,
        effective_at, expires_at, reference, fingerprint, created_at, notice_at, package_id, package_version, quantity)
    VALUES (
        p_bucket, p_account_key, a.grant_count, p_grant_id, p_kind, CASE WHEN p_unpaid THEN 0 ELSE 1 END, false, v_micros,
        v_micros, p_priority, v_effective_at, p_expires_at, p_reference, p_fingerprint, v.as_of,
        creditgate.notice_at(a, p_kind, v_effective_at, p_expires_at), k.package_id, k.version, p_quantity);
    IF p_unpaid THEN
        a := creditgate.count_unpaid(a, v_micros::bigint);
    END IF;
    SELECT * INTO v_locked FROM creditgate.advance(a, v.as_of, 256, NULL, 0);
    SELECT s.* INTO g FROM creditgate.grants AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.seq = a.grant_count;
    v.granted := g;
    v.account := v_locked.p_account;
    IF NOT p_unpaid THEN
        v.account := creditgate.complete_topup(a, v.account, g, v.as_of);
    END IF;
    RETURN v;
END $$;

-- Take back what remains of a grant and no open hold covers. A grant that has ended answers its state.
CREATE OR REPLACE FUNCTION creditgate.revoke_grant(p_bucket smallint, p_account_key uuid, p_grant_id text)
RETURNS creditgate.admin_result
LANGUAGE plpgsql AS $$
DECLARE
    v creditgate.admin_result := ROW(10, false, 0, NULL, NULL, NULL, NULL);
    a creditgate.accounts;
    g creditgate.grants;
    v_locked record;
BEGIN
    SELECT * INTO v_locked FROM creditgate.lock_account(p_bucket, p_account_key);
    a := v_locked.p_account;
    v.account := a;
    v.as_of := v_locked.p_now;
    SELECT s.* INTO g FROM creditgate.grants AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.grant_id = p_grant_id;
    IF a.account_key IS NULL OR g.seq IS NULL THEN
        v.outcome := CASE WHEN a.account_key IS NULL THEN 20 ELSE 22 END;
        RETURN v;
    END IF;
    IF g.state = 0 THEN
        a := creditgate.count_unpaid(a, -g.amount_micros);
    END IF;
    IF g.state < 3 THEN
        a := creditgate.tell(v.account, creditgate.end_grant(a, g.seq, 4::smallint, v.as_of), v.as_of);
        PERFORM creditgate.write_accounts(ARRAY[a]);
        v.moved_micros := g.remaining_micros * (g.state < 2)::int
            + (v.account).settled_micros - a.settled_micros;
        v.account := a;
    ELSE
        v.replayed := true;
    END IF;
    SELECT s.* INTO g FROM creditgate.grants AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.seq = g.seq;
    v.granted := g;
    RETURN v;
END $$;
