-- The next event of an account, as the account stands.
CREATE OR REPLACE FUNCTION creditgate.event(
    p_account creditgate.accounts, p_number bigint, p_kind integer, p_body jsonb, p_now timestamptz)
RETURNS creditgate.events
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ROW(
        p_account.bucket, p_account.account_key, p_account.event_count + p_number, p_kind, p_account.version,
        p_account.settled_micros, p_account.held_micros, p_account.overdraft_limit_micros, p_body, p_now, false
    )::creditgate.events;
END $$;

-- What a change of an account is to tell of, as its next events: credits are there again, thresholds were reached from
-- above, the balance fell below zero, credits are exhausted. A threshold that was reached tells of it again once the
-- balance has been above it.
CREATE OR REPLACE FUNCTION creditgate.crossings(
    p_before creditgate.accounts, p_after creditgate.accounts, p_now timestamptz)
RETURNS creditgate.events[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_events creditgate.events[] := '{}';
    v_had boolean := p_before.settled_micros + p_before.overdraft_limit_micros > 0;
    v_has boolean := p_after.settled_micros + p_after.overdraft_limit_micros > 0;
    v_at bigint;
BEGIN
    IF v_has AND NOT v_had THEN
        v_events := v_events || creditgate.event(p_after, 1, 3, '{}', p_now);
    END IF;
    FOR i IN 1 .. cardinality(p_after.thresholds_micros) LOOP
        v_at := p_after.thresholds_micros[i];
        EXIT WHEN v_at IS NULL;
        -- Of a percent and an amount that are the same the percent comes first, and one alert is enough.
        IF p_before.settled_micros > v_at AND p_after.settled_micros <= v_at
           AND v_at IS DISTINCT FROM p_after.thresholds_micros[i - 1] THEN
            v_events := v_events || creditgate.event(
                p_after, cardinality(v_events) + 1, 1,
                jsonb_build_object('threshold_micros', v_at, 'percent', greatest(-p_after.thresholds[i], 0)), p_now);
        END IF;
    END LOOP;
    IF p_before.settled_micros >= 0 AND p_after.settled_micros < 0 THEN
        v_events := v_events || creditgate.event(p_after, cardinality(v_events) + 1, 4, '{}', p_now);
    END IF;
    IF v_had AND NOT v_has THEN
        v_events := v_events || creditgate.event(p_after, cardinality(v_events) + 1, 2, '{}', p_now);
    END IF;
    RETURN v_events;
END $$;

-- What the booking of a hold's change is to tell of: that a Commit came after the hold had expired, and crossings.
CREATE OR REPLACE FUNCTION creditgate.booking_events(
    p_before creditgate.accounts, p_after creditgate.accounts, p_hold_before creditgate.holds,
    p_hold_after creditgate.holds, p_now timestamptz)
RETURNS creditgate.events[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    a creditgate.accounts := p_after;
    v_events creditgate.events[] := '{}';
BEGIN
    IF p_hold_before.state = 4 THEN
        v_events := v_events || creditgate.event(a, 1, 7, jsonb_build_object(
            'hold_id', p_hold_after.hold_id,
            'charged_micros', p_hold_after.charged_micros - p_hold_before.charged_micros,
            'uncollected_micros', p_hold_after.uncollected_micros - p_hold_before.uncollected_micros), p_now);
        a.event_count := a.event_count + 1;
    END IF;
    RETURN v_events || creditgate.crossings(p_before, a, p_now);
END $$;

CREATE OR REPLACE FUNCTION creditgate.write_events(p_events creditgate.events[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO creditgate.events SELECT e.* FROM unnest(p_events) AS e;
END $$;

-- Write what has become of an account, taken as a whole, into its events: that its cycle has turned, which grants end
-- soon, what its balance has crossed, and that more is asked for. Whatever is told is a change; the caller writes the account.
CREATE OR REPLACE FUNCTION creditgate.tell(
    p_before creditgate.accounts, p_account creditgate.accounts, p_now timestamptz,
    p_turned boolean DEFAULT false, p_expiring creditgate.grants[] DEFAULT '{}')
RETURNS creditgate.accounts
LANGUAGE plpgsql AS $$
DECLARE
    a creditgate.accounts := p_account;
    g creditgate.grants;
    v_events creditgate.events[] := '{}';
    v_crossings creditgate.events[];
    v_version bigint;
    v_step record;
BEGIN
    IF a.version = p_before.version AND (p_turned OR cardinality(p_expiring) > 0) THEN
        a.version := a.version + 1;
    END IF;
    IF p_turned THEN
        v_events := v_events || creditgate.event(a, 1, 5, jsonb_build_object(
            'number', a.cycle_no, 'starts_at', a.cycle_starts_at, 'ends_at', a.cycle_ends_at), p_now);
    END IF;
    FOREACH g IN ARRAY p_expiring LOOP
        v_events := v_events || creditgate.event(a, cardinality(v_events) + 1, 6, jsonb_build_object(
            'grant_id', g.grant_id, 'remaining_micros', g.remaining_micros, 'expires_at', g.expires_at), p_now);
    END LOOP;
    a.event_count := a.event_count + cardinality(v_events);
    v_crossings := creditgate.crossings(p_before, a, p_now);
    a.event_count := a.event_count + cardinality(v_crossings);
    v_events := v_events || v_crossings;
    IF a.topup_due_at <= p_now OR a.settled_micros <= a.topup_at_micros THEN
        v_version := a.version;
        a.version := a.version + (a.version = p_before.version)::int;
        SELECT * INTO v_step FROM creditgate.consider_topup(a, p_now);
        a := v_step.p_account;
        IF (v_step.p_event).kind IS NULL THEN
            a.version := v_version;
        ELSE
            v_events := v_events || v_step.p_event;
        END IF;
    END IF;
    IF cardinality(v_events) > 0 THEN
        PERFORM creditgate.write_events(v_events);
    END IF;
    RETURN a;
END $$;

-- Set what an account's thresholds are: amounts, and percents of an allowance rounded down, the highest first.
CREATE OR REPLACE FUNCTION creditgate.set_thresholds(
    p_account creditgate.accounts, p_thresholds bigint[], p_allowance_micros bigint)
RETURNS creditgate.accounts
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    a creditgate.accounts := p_account;
BEGIN
    SELECT coalesce(array_agg(s.threshold ORDER BY s.micros DESC NULLS LAST, s.threshold), '{}'),
           coalesce(array_agg(s.micros ORDER BY s.micros DESC NULLS LAST, s.threshold), '{}')
      INTO a.thresholds, a.thresholds_micros
      FROM (SELECT t.threshold,
                   CASE WHEN t.threshold >= 0 THEN t.threshold
                        WHEN p_allowance_micros > 0 THEN div(p_allowance_micros::numeric * -t.threshold, 100)::bigint
                   END AS micros
              FROM unnest(p_thresholds) AS t (threshold)) AS s;
    RETURN a;
END $$;

-- When it is to be told that a grant ends soon: never for what cycles bring, nor where its whole life is shorter.
CREATE OR REPLACE FUNCTION creditgate.notice_at(
    p_account creditgate.accounts, p_kind smallint, p_effective_at timestamptz, p_expires_at timestamptz)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_kind NOT IN (1, 5) AND p_account.expiry_notice_ms > 0 AND n.at > p_effective_at THEN n.at END
      FROM (SELECT p_expires_at - p_account.expiry_notice_ms * interval '1 millisecond' AS at) AS n
$$;

-- Take the notices that are due on an account: the live grants that end soon and have credits left.
CREATE OR REPLACE FUNCTION creditgate.take_notices(p_account creditgate.accounts, p_now timestamptz)
RETURNS creditgate.grants[]
LANGUAGE plpgsql AS $$
DECLARE
    v_expiring creditgate.grants[];
BEGIN
    WITH due AS (
        UPDATE creditgate.grants AS g SET notice_at = NULL
         WHERE g.bucket = p_account.bucket AND g.account_key = p_account.account_key AND g.state = 2
           AND g.notice_at <= p_now
        RETURNING g.*
    )
    SELECT array_agg(d::creditgate.grants ORDER BY d.expires_at, d.seq) INTO v_expiring
      FROM due AS d WHERE d.remaining_micros > 0;
    RETURN coalesce(v_expiring, '{}');
END $$;

-- Forget events of a bucket that were dispatched and are older than so many days; answers how many of them it looked at.
-- With an event go all before it, so that there are no gaps even where a clock was set back.
CREATE OR REPLACE FUNCTION creditgate.forget_events(p_bucket smallint, p_days integer, p_limit bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_until timestamptz := creditgate.clock() - p_days * interval '1 day';
    v_found bigint;
BEGIN
    WITH old AS (
        SELECT e.account_key, e.event_no FROM creditgate.events AS e
         WHERE e.bucket = p_bucket AND e.dispatched AND e.created_at < v_until
         ORDER BY e.created_at LIMIT p_limit
    ), last AS (
        SELECT o.account_key, max(o.event_no) AS event_no FROM old AS o GROUP BY o.account_key
    ), gone AS (
        DELETE FROM creditgate.events AS e USING last AS l
         WHERE e.bucket = p_bucket AND e.account_key = l.account_key AND e.event_no <= l.event_no AND e.dispatched
    )
    SELECT count(*) INTO v_found FROM old;
    RETURN v_found;
END $$;
