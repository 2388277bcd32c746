-- Write a version of a package: the next one, or the same again with the same body.
CREATE OR REPLACE FUNCTION creditgate.put_package(
    p_package creditgate.packages, OUT p_outcome smallint, OUT p_replayed boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_known creditgate.packages;
    v_latest integer;
BEGIN
    p_outcome := 10;
    p_replayed := false;
    SELECT p.* INTO v_known FROM creditgate.packages AS p
     WHERE p.tenant_id = p_package.tenant_id AND p.package_id = p_package.package_id AND p.version = p_package.version;
    IF v_known.package_id IS NOT NULL THEN
        p_replayed := v_known.fingerprint = p_package.fingerprint;
        p_outcome := CASE WHEN p_replayed THEN 10 ELSE 23 END;
        RETURN;
    END IF;
    SELECT coalesce(max(p.version), 0) INTO v_latest FROM creditgate.packages AS p
     WHERE p.tenant_id = p_package.tenant_id AND p.package_id = p_package.package_id;
    IF p_package.version > v_latest + 1 THEN
        p_outcome := 32;
        RETURN;
    END IF;
    IF p_package.version = v_latest + 1 THEN
        p_package.created_at := creditgate.clock();
        INSERT INTO creditgate.packages SELECT p_package.* ON CONFLICT DO NOTHING;
        IF FOUND THEN
            RETURN;
        END IF;
    END IF;
    -- Another caller wrote this version at the same moment: judge again by what it wrote.
    SELECT * INTO p_outcome, p_replayed FROM creditgate.put_package(p_package);
END $$;

-- When what begins at an instant ends, given how long it is valid; within the range of times.
CREATE OR REPLACE FUNCTION creditgate.valid_until(p_effective_at timestamptz, p_valid_for_ms bigint) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_valid_for_ms IS NOT NULL THEN
        least(p_effective_at + p_valid_for_ms * interval '1 millisecond', timestamptz '9998-12-31 23:59:59+00') END
$$;

-- Confirm that a grant has been paid for: it becomes effective now, or when it was to. What a package brings is valid
-- from then on. A grant that has been confirmed, or never had to be, answers its state.
CREATE OR REPLACE FUNCTION creditgate.confirm_grant(p_bucket smallint, p_account_key uuid, p_grant_id text)
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
    v.granted := g;
    IF a.account_key IS NULL THEN
        v.outcome := 20;
    ELSIF g.seq IS NULL THEN
        v.outcome := 22;
    ELSIF g.state = 4 THEN
        v.outcome := 37;
    ELSIF g.state > 0 THEN
        v.replayed := true;
    ELSIF a.status = 3 THEN
        v.outcome := 29;
    END IF;
    IF v.outcome <> 10 OR v.replayed THEN
        RETURN v;
    END IF;

    -- From here on the operation succeeds.
    g.effective_at := greatest(g.effective_at, v.as_of);
    IF g.package_id IS NOT NULL THEN
        SELECT creditgate.valid_until(g.effective_at, p.valid_for_ms) INTO g.expires_at
          FROM creditgate.packages AS p
         WHERE p.tenant_id = a.tenant_id AND p.package_id = g.package_id AND p.version = g.package_version;
    END IF;
    UPDATE creditgate.grants AS s
       SET state = 1, effective_at = g.effective_at, expires_at = g.expires_at,
           notice_at = creditgate.notice_at(a, g.kind, g.effective_at, g.expires_at)
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.seq = g.seq;
    a := creditgate.count_unpaid(a, -g.amount_micros);
    SELECT * INTO v_locked FROM creditgate.advance(a, v.as_of, 256, NULL, 0);
    SELECT s.* INTO g FROM creditgate.grants AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.seq = g.seq;
    v.granted := g;
    v.account := creditgate.complete_topup(a, v_locked.p_account, g, v.as_of);
    RETURN v;
END $$;
