-- Expire an account's holds that are due until an instant: those named first, then the earliest, up to a limit.
CREATE OR REPLACE FUNCTION creditgate.expire_account_holds(
    INOUT p_account creditgate.accounts, OUT p_expired bigint,
    p_until timestamptz, p_limit bigint, p_named text[], p_now timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    h creditgate.holds;
    v_after creditgate.holds;
    v_purse creditgate.purse;
    v_holds creditgate.holds[] := '{}';
    v_counted creditgate.holds[] := '{}';
    v_entries creditgate.entries[] := '{}';
    b creditgate.booking;
BEGIN
    -- Two questions, each answered by an index: in one they would sort all that is due, every time anew. The sum
    -- keeps the first from the index of open holds, where it would look at all of them to find the few it names.
    FOR h IN
        (SELECT o.* FROM creditgate.holds AS o
          WHERE o.bucket = p_account.bucket AND o.account_key = p_account.account_key
            AND o.hold_id = ANY (p_named) AND o.state + 0 = 1 AND o.expires_at <= p_until
          ORDER BY o.expires_at, o.created_at, o.hold_id)
        UNION ALL
        (SELECT o.* FROM creditgate.holds AS o
          WHERE o.bucket = p_account.bucket AND o.account_key = p_account.account_key AND o.state = 1
            AND o.expires_at <= p_until AND o.hold_id <> ALL (coalesce(p_named, '{}'))
          ORDER BY o.expires_at, o.created_at, o.hold_id
          LIMIT p_limit)
    LOOP
        IF v_purse.account_key IS NULL THEN
            v_purse := (creditgate.open_purses(ARRAY[p_account]))[1];
        END IF;
        v_after := h;
        v_after.state := 4;
        v_after.held_micros := 0;
        v_after.settled_at := h.expires_at;
        b := creditgate.book(p_account, v_purse, h, v_after, 0, p_now);
        p_account := b.account;
        v_purse := b.purse;
        v_holds := v_holds || b.hold;
        IF h.counters IS NOT NULL THEN
            v_counted := v_counted || h;
        END IF;
        v_entries := v_entries || b.entries;
    END LOOP;
    p_expired := cardinality(v_holds);
    IF p_expired > 0 THEN
        PERFORM creditgate.write_holds(v_holds);
        PERFORM creditgate.write_entries(v_entries);
        PERFORM creditgate.close_purses(ARRAY[v_purse]);
    END IF;
    IF cardinality(v_counted) > 0 THEN
        PERFORM creditgate.uncount(v_counted);
    END IF;
END $$;

-- Whether what has ended so far is enough to decide: of the named holds none is due, what is needed is available, and
-- whoever names holds is judged by the grants and the cycle of the time, and where holds are counted, without those due.
CREATE OR REPLACE FUNCTION creditgate.is_enough(
    p_account creditgate.accounts, p_now timestamptz, p_named text[], p_needed_micros numeric)
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN p_account.settled_micros + p_account.overdraft_limit_micros - p_account.held_micros >= p_needed_micros
        AND NOT EXISTS (SELECT FROM creditgate.holds AS h
             WHERE h.bucket = p_account.bucket AND h.account_key = p_account.account_key
               AND h.hold_id = ANY (p_named) AND h.state + 0 = 1 AND h.expires_at <= p_now)
        AND (p_named IS NULL
             OR (p_account.budget_numbers = 0
                 AND coalesce(p_account.open_holds + cardinality(p_named) <= p_account.open_holds_max, true))
             OR NOT EXISTS (SELECT FROM creditgate.holds AS h
                 WHERE h.bucket = p_account.bucket AND h.account_key = p_account.account_key AND h.state = 1
                   AND h.expires_at <= p_now))
        AND (p_named IS NULL OR (
            coalesce(p_account.cycle_ends_at > p_now, true)
            AND NOT EXISTS (SELECT FROM creditgate.grants AS g
                 WHERE g.bucket = p_account.bucket AND g.account_key = p_account.account_key
                   AND ((g.state = 1 AND g.effective_at <= p_now) OR (g.state = 2 AND g.expires_at <= p_now)))));
END $$;

-- Bring a locked account up to now: holds expire, cycles turn, grants begin and end, in the order of their instants; at
-- the same instant holds first, then the cycle, then beginnings, then ends in burn order. It stops after about p_limit
-- holds, but goes on until the named holds are judged and p_needed_micros are available: whoever needs expired credits
-- gets them at once. Yet no call takes for ever: after twenty times the limit it leaves the rest, and due_at in the
-- past, to the next one. What it tells of is what has changed since the account was p_before, as a whole: a balance that
-- a cycle ends and fills again was never low.
CREATE OR REPLACE FUNCTION creditgate.advance_from(
    p_before creditgate.accounts, INOUT p_account creditgate.accounts, OUT p_done bigint,
    p_now timestamptz, p_limit bigint, p_named text[], p_needed_micros numeric)
LANGUAGE plpgsql AS $$
DECLARE
    v_grant_at timestamptz;
    v_notice_at timestamptz;
    v_turned boolean := false;
    v_expiring creditgate.grants[] := '{}';
    v_grant record;
    v_step record;
    v_more boolean;
BEGIN
    p_done := 0;
    LOOP
        SELECT min(CASE g.state WHEN 1 THEN g.effective_at ELSE g.expires_at END),
               min(g.notice_at) FILTER (WHERE g.state = 2)
          INTO v_grant_at, v_notice_at
          FROM creditgate.grants AS g
         WHERE g.bucket = p_account.bucket AND g.account_key = p_account.account_key AND g.state IN (1, 2);

        LOOP
            SELECT * INTO v_step FROM creditgate.expire_account_holds(
                p_account, least(p_now, v_grant_at, p_account.cycle_ends_at), p_limit, p_named, p_now);
            p_account := v_step.p_account;
            p_done := p_done + v_step.p_expired;
            v_more := v_step.p_expired >= p_limit;
            EXIT WHEN NOT v_more OR p_done >= 20 * p_limit
                OR creditgate.is_enough(p_account, p_now, p_named, p_needed_micros);
        END LOOP;
        EXIT WHEN v_more;
        IF p_account.cycle_ends_at <= least(p_now, v_grant_at) THEN
            p_account := creditgate.turn_cycle(p_account, p_now);
            v_turned := p_account.cycle_ends_at IS NOT NULL AND p_account.status <> 3;
            p_done := p_done + 1;
            CONTINUE;
        END IF;
        EXIT WHEN v_grant_at IS NULL OR v_grant_at > p_now;

        FOR v_grant IN
            SELECT g.seq, g.state FROM creditgate.grants AS g
             WHERE g.bucket = p_account.bucket AND g.account_key = p_account.account_key
               AND ((g.state = 1 AND g.effective_at = v_grant_at) OR (g.state = 2 AND g.expires_at = v_grant_at))
             ORDER BY g.state, g.priority, g.expires_at, g.kind <> 3, g.seq
        LOOP
            IF v_grant.state = 1 THEN
                p_account := creditgate.begin_grant(p_account, v_grant.seq, p_now);
            ELSE
                p_account := creditgate.end_grant(p_account, v_grant.seq, 3::smallint, p_now);
            END IF;
            p_done := p_done + 1;
        END LOOP;
    END LOOP;

    IF v_notice_at <= p_now THEN
        v_expiring := creditgate.take_notices(p_account, p_now);
        p_done := p_done + 1;
        SELECT min(g.notice_at) INTO v_notice_at FROM creditgate.grants AS g
         WHERE g.bucket = p_account.bucket AND g.account_key = p_account.account_key AND g.state = 2;
    END IF;
    p_account := creditgate.tell(p_before, p_account, p_now, v_turned, v_expiring);
    p_account.due_at := coalesce(least(v_grant_at, v_notice_at, p_account.cycle_ends_at, p_account.topup_due_at,
        (SELECT h.expires_at FROM creditgate.holds AS h
          WHERE h.bucket = p_account.bucket AND h.account_key = p_account.account_key AND h.state = 1
          ORDER BY h.expires_at LIMIT 1)), 'infinity');
    PERFORM creditgate.write_accounts(ARRAY[p_account]);
END $$;

-- The same, for an account that nothing else has changed.
CREATE OR REPLACE FUNCTION creditgate.advance(
    INOUT p_account creditgate.accounts, OUT p_done bigint,
    p_now timestamptz, p_limit bigint, p_named text[], p_needed_micros numeric)
LANGUAGE plpgsql AS $$
DECLARE
    v_step record;
BEGIN
    SELECT * INTO v_step
      FROM creditgate.advance_from(p_account, p_account, p_now, p_limit, p_named, p_needed_micros);
    p_account := v_step.p_account;
    p_done := v_step.p_done;
END $$;

-- What the operations of a batch on one account name and, at most, need: all they ask for and all they report, which
-- may go beyond their holds.
CREATE OR REPLACE FUNCTION creditgate.wants(
    p_account creditgate.accounts, p_operations creditgate.operation[],
    OUT p_named text[], OUT p_needed_micros numeric)
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    SELECT array_agg(o.hold_id),
           coalesce(sum(CASE WHEN o.verb IN (1, 2, 5) THEN o.amount_micros ELSE 0 END
                        + CASE WHEN o.verb IN (2, 3) THEN coalesce(o.used_micros, 0) ELSE 0 END), 0)
      INTO p_named, p_needed_micros
      FROM unnest(p_operations) AS o
     WHERE o.bucket = p_account.bucket AND o.account_key = p_account.account_key;
END $$;

-- Advance an account for a batch of operations on it.
CREATE OR REPLACE FUNCTION creditgate.advance_for(
    p_account creditgate.accounts, p_now timestamptz, p_operations creditgate.operation[])
RETURNS creditgate.accounts
LANGUAGE plpgsql AS $$
DECLARE
    w record;
    v_step record;
BEGIN
    SELECT * INTO w FROM creditgate.wants(p_account, p_operations);
    SELECT * INTO v_step FROM creditgate.advance(p_account, p_now, 256, w.p_named, w.p_needed_micros);
    RETURN v_step.p_account;
END $$;

-- Whether an account that was advanced for a batch still has more due than may be left undone by these operations.
CREATE OR REPLACE FUNCTION creditgate.is_behind(
    p_account creditgate.accounts, p_now timestamptz, p_operations creditgate.operation[])
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    w record;
BEGIN
    IF p_account.due_at > p_now THEN RETURN false; END IF;
    SELECT * INTO w FROM creditgate.wants(p_account, p_operations);
    RETURN NOT creditgate.is_enough(p_account, p_now, w.p_named, w.p_needed_micros);
END $$;

-- End what is due in one bucket, up to a limit; answers how many things ended or began. Any number of sweepers may run:
-- each skips the accounts another one has locked.
CREATE OR REPLACE FUNCTION creditgate.expire_holds(p_bucket smallint, p_limit bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    a creditgate.accounts;
    v_step record;
    v_now timestamptz := creditgate.clock();
    v_done bigint := 0;
BEGIN
    -- In these words the index of what is due is found; a call of the clock here would read every account.
    FOR a IN
        SELECT s.* FROM creditgate.accounts AS s
         WHERE s.bucket = p_bucket AND s.due_at < 'infinity' AND s.due_at <= v_now
         ORDER BY s.due_at
         LIMIT p_limit
         FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        SELECT * INTO v_step FROM creditgate.advance(a, creditgate.clock(), p_limit - v_done, NULL, 0);
        v_done := v_done + v_step.p_done;
        -- What one call ends stays locked until it is done: callers of these accounts wait no longer than this.
        EXIT WHEN v_done >= p_limit OR creditgate.clock() >= v_now + interval '25 milliseconds';
    END LOOP;
    RETURN v_done;
END $$;
