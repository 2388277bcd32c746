-- How much an account can take now and still take its pending grants later.
CREATE OR REPLACE FUNCTION creditgate.room(p_account creditgate.accounts) RETURNS numeric
LANGUAGE sql STABLE AS $$
    SELECT 4000000000000000000 - p_account.settled_micros - coalesce(sum(g.amount_micros), 0)
      FROM creditgate.grants AS g
     WHERE g.bucket = p_account.bucket AND g.account_key = p_account.account_key AND g.state = 1
$$;

-- Give credits by name: find, replay?, account state?, range; then live at once, or pending until effective.
CREATE OR REPLACE FUNCTION creditgate.add_grant(
    p_bucket smallint, p_account_key uuid, p_grant_id text, p_kind smallint, p_amount_micros bigint,
    p_priority integer, p_effective_at timestamptz, p_expires_at timestamptz, p_reference text, p_fingerprint bytea)
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
    IF a.account_key IS NULL THEN
        v.outcome := 20;
        RETURN v;
    END IF;

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
    IF p_amount_micros > creditgate.room(a) THEN
        v.outcome := 28;
        RETURN v;
    END IF;

    -- From here on the operation succeeds.
    a.grant_count := a.grant_count + 1;
    INSERT INTO creditgate.grants (
        bucket, account_key, seq, grant_id, kind, state, spendable, amount_micros, remaining_micros, priority,
        effective_at, expires_at, reference, fingerprint, created_at, notice_at)
    VALUES (
        p_bucket, p_account_key, a.grant_count, p_grant_id, p_kind, 1, false, p_amount_micros, p_amount_micros, p_priority,
        coalesce(p_effective_at, v.as_of), p_expires_at, p_reference, p_fingerprint, v.as_of,
        creditgate.notice_at(a, p_kind, coalesce(p_effective_at, v.as_of), p_expires_at));
    SELECT * INTO v_locked FROM creditgate.advance(a, v.as_of, 256, NULL, 0);
    v.account := v_locked.p_account;
    SELECT s.* INTO g FROM creditgate.grants AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.seq = a.grant_count;
    v.granted := g;
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
    IF g.state < 3 THEN
        a := creditgate.tell(v.account, creditgate.end_grant(a, g.seq, 4::smallint, v.as_of), v.as_of);
        PERFORM creditgate.write_accounts(ARRAY[a]);
        v.moved_micros := g.remaining_micros * (g.state = 1)::int
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
