-- What work is summed up under: by itself, and by each of its attributes and labels.
CREATE OR REPLACE FUNCTION creditgate.work_values(p_details jsonb)
RETURNS TABLE (under smallint, key text, value text)
LANGUAGE sql IMMUTABLE AS $$
    SELECT 0::smallint, '', ''
    UNION ALL
    SELECT g.no::smallint, '', creditgate.work_value(p_details, g.no::smallint, NULL)
      FROM generate_series(4, 7) AS g (no) WHERE creditgate.work_value(p_details, g.no::smallint, NULL) <> ''
    UNION ALL
    SELECT 8::smallint, l.key, l.value FROM jsonb_each_text(p_details -> 'labels') AS l WHERE l.value <> ''
$$;

-- Add a run of an account's entries to its sums. The caller holds the account's row of usage_progress.
CREATE OR REPLACE FUNCTION creditgate.add_usage(
    p_bucket smallint, p_account_key uuid, p_after bigint, p_through bigint, p_time_zone text)
RETURNS void
LANGUAGE sql AS $$
    INSERT INTO creditgate.usage_slots AS s
    SELECT p_bucket, p_account_key, w.under, w.key, t.unit, t.slot, u.kind, u.type, u.meter, u.model, w.value,
           creditgate.bounded(sum(u.amount_micros)), creditgate.bounded(sum(u.quantity)), sum(u.holds)
      -- What is the same under all groupings is worked out once.
      FROM (SELECT n.*, date_trunc('day', n.created_at, p_time_zone) AS day,
                   date_bin('15 minutes', n.created_at, '2000-01-01+00') AS quarter
              FROM creditgate.usage_parts(p_bucket, p_account_key, p_after, p_through) AS n OFFSET 0) AS u
     CROSS JOIN LATERAL creditgate.work_values(u.details) AS w
     CROSS JOIN LATERAL (
            SELECT 2::smallint, u.day UNION ALL SELECT 0::smallint, u.quarter WHERE w.under = 0) AS t (unit, slot)
     GROUP BY 3, 4, 5, 6, 7, 8, 9, 10, 11
     ORDER BY 3, 4, 5, 6, 7, 8, 9, 10, 11
    ON CONFLICT (bucket, account_key, grouping, key, unit, slot, kind, type, meter, model, value) DO UPDATE
       SET amount_micros = creditgate.bounded(s.amount_micros::numeric + excluded.amount_micros),
           quantity = creditgate.bounded(s.quantity::numeric + excluded.quantity), holds = s.holds + excluded.holds
$$;

-- Forget sums of an account, at most so many, and answer how many. Until none is left nobody uses them, and none are added;
-- then they begin anew, with the days of a time zone.
CREATE OR REPLACE FUNCTION creditgate.forget_usage(
    p_progress creditgate.usage_progress, p_time_zone text, p_limit bigint)
RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_count bigint;
BEGIN
    DELETE FROM creditgate.usage_slots AS s
     USING (SELECT o.ctid AS place FROM creditgate.usage_slots AS o
             WHERE o.bucket = p_progress.bucket AND o.account_key = p_progress.account_key LIMIT p_limit) AS o
     WHERE s.ctid = o.place;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    UPDATE creditgate.usage_progress AS s
       SET version = 0, time_zone = CASE v_count WHEN 0 THEN p_time_zone ELSE '' END
     WHERE s.bucket = p_progress.bucket AND s.account_key = p_progress.account_key;
    RETURN v_count;
END $$;

-- Which accounts of a bucket have at least so many changes that are not summed up, the furthest behind first, but for those
-- that have never had p_first changes; and how many changes of all accounts are not. Days of another time zone than the account's are to be summed up anew.
DROP FUNCTION IF EXISTS creditgate.unsummed_accounts(smallint, bigint);
CREATE OR REPLACE FUNCTION creditgate.unsummed_accounts(
    p_bucket smallint, p_least bigint, p_first bigint, OUT account_keys uuid[], OUT changes bigint)
LANGUAGE sql STABLE AS $$
    SELECT coalesce(array_agg(b.account_key ORDER BY b.changes DESC) FILTER (
               WHERE b.changes >= CASE WHEN b.begun THEN p_least ELSE greatest(p_first, p_least) END), '{}'),
           coalesce(sum(b.changes), 0)::bigint
      FROM (SELECT a.account_key, p.account_key IS NOT NULL AS begun,
                   CASE
                       WHEN p.account_key IS NULL OR (p.time_zone <> a.time_zone
                           AND creditgate.emptied_version(a.bucket, a.account_key) = 0) THEN a.version
                       ELSE a.version - p.version
                   END AS changes
              FROM creditgate.accounts AS a
              LEFT JOIN creditgate.usage_progress AS p ON p.bucket = a.bucket AND p.account_key = a.account_key
             WHERE a.bucket = p_bucket) AS b
$$;

-- Sum up about p_limit further entries of an account, exactly once: the sums and how far they go are written together, by
-- whoever holds the row that says how far. Answers how many entries it was, or sums that had to be forgotten first; 0 where
-- nothing is left, or another is at it. The account itself is not locked.
CREATE OR REPLACE FUNCTION creditgate.roll_up(p_bucket smallint, p_account_key uuid, p_limit bigint) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    p creditgate.usage_progress;
    v_version bigint;
    v_time_zone text;
    v_through bigint;
    v_count bigint;
BEGIN
    SELECT s.* INTO p FROM creditgate.usage_progress AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key FOR UPDATE SKIP LOCKED;
    IF p.account_key IS NULL THEN
        INSERT INTO creditgate.usage_progress AS s VALUES (p_bucket, p_account_key, 0, '')
        ON CONFLICT DO NOTHING RETURNING s.* INTO p;
        IF p.account_key IS NULL THEN
            RETURN 0;
        END IF;
    END IF;
    -- Read after the lock: what this version says has happened is there to be read.
    SELECT a.version, a.time_zone INTO v_version, v_time_zone FROM creditgate.accounts AS a
     WHERE a.bucket = p_bucket AND a.account_key = p_account_key;
    IF p.time_zone <> v_time_zone AND creditgate.emptied_version(p_bucket, p_account_key) > 0 THEN
        -- What the archive does not have any more cannot be summed up again: the days stay those of the zone they were of.
        v_time_zone := p.time_zone;
    ELSIF p.time_zone <> v_time_zone THEN
        v_count := creditgate.forget_usage(p, v_time_zone, p_limit);
        IF v_count > 0 THEN
            RETURN v_count;
        END IF;
        p.version := 0;
    END IF;

    SELECT max(e.version), count(*) INTO v_through, v_count
      FROM (SELECT s.version FROM creditgate.all_entries AS s
             WHERE s.bucket = p_bucket AND s.account_key = p_account_key
               AND s.version > p.version AND s.version <= v_version
             ORDER BY s.version, s.line LIMIT p_limit) AS e;
    v_through := CASE WHEN v_count < p_limit THEN v_version ELSE v_through END;
    IF v_through > p.version THEN
        PERFORM creditgate.add_usage(p_bucket, p_account_key, p.version, v_through, v_time_zone);
        UPDATE creditgate.usage_progress AS s SET version = v_through
         WHERE s.bucket = p_bucket AND s.account_key = p_account_key;
    END IF;
    RETURN v_count;
END $$;
