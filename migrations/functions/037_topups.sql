-- Write what has become of an account's automatic top-up.
CREATE OR REPLACE FUNCTION creditgate.write_topup(p_account creditgate.accounts) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE creditgate.accounts AS u
       SET topup_at_micros = p_account.topup_at_micros, topup_due_at = p_account.topup_due_at,
           topup_request_id = p_account.topup_request_id, topup_failures = p_account.topup_failures
     WHERE u.bucket = p_account.bucket AND u.account_key = p_account.account_key;
END $$;

-- Let an account ask for a top-up from now on, where it is set to and nothing forbids it.
CREATE OR REPLACE FUNCTION creditgate.arm_topup(p_account creditgate.accounts) RETURNS creditgate.accounts
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    p_account.topup_due_at := NULL;
    p_account.topup_at_micros := CASE
        WHEN (p_account.auto_topup ->> 'enabled')::boolean AND p_account.status <> 3
        THEN (p_account.auto_topup ->> 'below_micros')::bigint END;
    RETURN p_account;
END $$;

-- Refuse the request under way: after a while the account may ask again, after one hour at first, then twice as long each
-- time, a day at most.
CREATE OR REPLACE FUNCTION creditgate.refuse_request(
    INOUT p_account creditgate.accounts, OUT p_event creditgate.events, p_reason text, p_now timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    v_request_id text := p_account.topup_request_id;
BEGIN
    UPDATE creditgate.topups AS t SET state = 3, reason = p_reason, ended_at = p_now
     WHERE t.bucket = p_account.bucket AND t.account_key = p_account.account_key AND t.request_id = v_request_id;
    p_account.topup_request_id := NULL;
    p_account.topup_failures := least(p_account.topup_failures + 1, 6);
    p_account.topup_due_at := p_now + least(power(2, p_account.topup_failures - 1), 24) * interval '1 hour';
    p_event := creditgate.event(p_account, 1, 9, jsonb_build_object(
        'request_id', v_request_id, 'reason', p_reason, 'retry_at', p_account.topup_due_at), p_now);
    p_account.event_count := p_account.event_count + 1;
END $$;

-- Look at what an account's automatic top-up waits for, and ask where the balance is low: a request that nobody has
-- answered for a day is refused; one at a time, and not more in a calendar month than is allowed. The caller writes the
-- event, and the account's sums.
CREATE OR REPLACE FUNCTION creditgate.consider_topup(
    INOUT p_account creditgate.accounts, OUT p_event creditgate.events, p_now timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    v_micros bigint := (p_account.auto_topup ->> 'amount_micros')::bigint;
    v_max bigint := (p_account.auto_topup ->> 'month_max_micros')::bigint;
    v_month timestamp := date_trunc('month', p_now AT TIME ZONE p_account.time_zone);
    v_asked numeric;
    v_step record;
BEGIN
    IF p_account.topup_due_at > p_now THEN
        RETURN;
    END IF;
    IF p_account.topup_request_id IS NOT NULL THEN
        SELECT * INTO v_step FROM creditgate.refuse_request(p_account, 'unanswered', p_now);
        p_account := v_step.p_account;
        p_event := v_step.p_event;
        PERFORM creditgate.write_topup(p_account);
        RETURN;
    END IF;
    p_account := creditgate.arm_topup(p_account);
    IF p_account.settled_micros <= p_account.topup_at_micros THEN
        p_account.topup_at_micros := NULL;
        SELECT coalesce(sum(t.amount_micros), 0) INTO v_asked FROM creditgate.topups AS t
         WHERE t.bucket = p_account.bucket AND t.account_key = p_account.account_key AND t.state < 3
           AND t.created_at >= v_month AT TIME ZONE p_account.time_zone;
        IF v_max > 0 AND v_asked + v_micros > v_max THEN
            p_account.topup_due_at := (v_month + interval '1 month') AT TIME ZONE p_account.time_zone;
        ELSE
            p_account.topup_request_id := 'topup/' || (p_account.event_count + 1);
            p_account.topup_due_at := p_now + interval '24 hours';
            INSERT INTO creditgate.topups (bucket, account_key, request_no, request_id, state, amount_micros, created_at)
            VALUES (p_account.bucket, p_account.account_key, p_account.event_count + 1, p_account.topup_request_id, 1,
                    v_micros, p_now);
            p_event := creditgate.event(p_account, 1, 8, jsonb_build_object(
                'request_id', p_account.topup_request_id, 'amount_micros', v_micros), p_now);
            p_account.event_count := p_account.event_count + 1;
        END IF;
    END IF;
    p_account.due_at := least(p_account.due_at, p_account.topup_due_at);
    PERFORM creditgate.write_topup(p_account);
END $$;

-- A grant that is named after a request completes it, also one that had been refused. The account may ask again at once.
CREATE OR REPLACE FUNCTION creditgate.complete_topup(
    p_before creditgate.accounts, p_account creditgate.accounts, p_grant creditgate.grants, p_now timestamptz)
RETURNS creditgate.accounts
LANGUAGE plpgsql AS $$
DECLARE
    a creditgate.accounts := p_account;
    v_events creditgate.events[];
    v_step record;
BEGIN
    IF a.auto_topup IS NULL THEN
        RETURN a;
    END IF;
    UPDATE creditgate.topups AS t SET state = 2, ended_at = p_now
     WHERE t.bucket = a.bucket AND t.account_key = a.account_key AND t.request_id = p_grant.grant_id AND t.state <> 2;
    IF NOT FOUND THEN
        RETURN a;
    END IF;
    a.version := a.version + (a.version = p_before.version)::int;
    v_events := ARRAY[creditgate.event(a, 1, 10, jsonb_build_object(
        'request_id', p_grant.grant_id, 'amount_micros', p_grant.amount_micros), p_now)];
    a.event_count := a.event_count + 1;
    IF a.topup_request_id IS NULL OR a.topup_request_id = p_grant.grant_id THEN
        a.topup_request_id := NULL;
        a.topup_due_at := NULL;
        a.topup_failures := 0;
        SELECT * INTO v_step FROM creditgate.consider_topup(a, p_now);
        a := v_step.p_account;
        IF (v_step.p_event).kind IS NOT NULL THEN
            v_events := v_events || v_step.p_event;
        END IF;
    END IF;
    PERFORM creditgate.write_events(v_events);
    PERFORM creditgate.write_accounts(ARRAY[a]);
    RETURN a;
END $$;

-- Say that a request will not be paid for. Refusing it again answers it.
CREATE OR REPLACE FUNCTION creditgate.refuse_topup(
    p_bucket smallint, p_account_key uuid, p_request_id text, p_reason text)
RETURNS creditgate.admin_result
LANGUAGE plpgsql AS $$
DECLARE
    v creditgate.admin_result := ROW(10, false, 0, NULL, NULL, NULL, NULL);
    a creditgate.accounts;
    t creditgate.topups;
    v_locked record;
BEGIN
    SELECT * INTO v_locked FROM creditgate.lock_account(p_bucket, p_account_key);
    a := v_locked.p_account;
    v.account := a;
    v.as_of := v_locked.p_now;
    SELECT s.* INTO t FROM creditgate.topups AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.request_id = p_request_id;
    IF a.account_key IS NULL THEN
        v.outcome := 20;
    ELSIF t.request_id IS NULL THEN
        v.outcome := 38;
    ELSIF t.state = 2 THEN
        v.outcome := 39;
    ELSIF t.state = 3 THEN
        v.replayed := true;
    END IF;
    IF v.outcome <> 10 OR v.replayed THEN
        RETURN v;
    END IF;

    -- From here on the operation succeeds: one that is requested is the one under way.
    a.version := a.version + 1;
    SELECT * INTO v_locked FROM creditgate.refuse_request(a, p_reason, v.as_of);
    a := v_locked.p_account;
    a.due_at := least(a.due_at, a.topup_due_at);
    PERFORM creditgate.write_topup(a);
    PERFORM creditgate.write_events(ARRAY[v_locked.p_event]);
    PERFORM creditgate.write_accounts(ARRAY[a]);
    v.account := a;
    RETURN v;
END $$;
