-- What the entries of a run of an account's versions were for: one row for each, and for a hold of several meters one for
-- each of its lines. holds counts a hold with its first charge, and with its first line.
CREATE OR REPLACE FUNCTION creditgate.usage_parts(
    p_bucket smallint, p_account_key uuid, p_after bigint, p_through bigint)
RETURNS TABLE (
    created_at timestamptz, kind smallint, details jsonb, type text, meter text, model text, amount_micros bigint,
    quantity bigint, holds bigint)
LANGUAGE sql STABLE AS $$
    SELECT e.created_at, e.kind, h.details,
           creditgate.work_type(coalesce((h.rate).meter, ((h.lines[1]).rate).meter), h.gateway_id IS NOT NULL),
           coalesce(part.meter, ''), coalesce(creditgate.reported_model(h.details, h.rate, h.lines), ''),
           part.amount_micros, coalesce(part.quantity, 0), part.holds
      FROM (SELECT n.*, lag(n.version) OVER of_hold AS last_version, lag(n.used_quantity) OVER of_hold AS last_quantity,
                   lag(n.used_quantities) OVER of_hold AS last_quantities
              FROM creditgate.all_entries AS n
             WHERE n.bucket = p_bucket AND n.account_key = p_account_key
               AND n.version > p_after AND n.version <= p_through
            WINDOW of_hold AS (PARTITION BY n.hold_id, n.kind ORDER BY n.version)) AS e
      -- One by one: statistics know little of an account, and all of its holds are many.
      LEFT JOIN LATERAL (
            SELECT s.* FROM creditgate.all_holds AS s
             WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.hold_id = e.hold_id LIMIT 1) AS h ON true
      -- The charge before it, where that is not among these; there is none where the hold was charged this alone. It is to
      -- be found by the hold, not by going back through the account's versions.
      LEFT JOIN LATERAL (
            SELECT s.version, s.used_quantity, s.used_quantities FROM creditgate.all_entries AS s
             WHERE e.kind = 2 AND e.last_version IS NULL AND h.charged_micros <> -e.amount_micros
               AND s.bucket = p_bucket AND s.account_key = p_account_key AND s.hold_id = e.hold_id AND s.kind = 2
               AND s.version + 0 <= p_after
             ORDER BY s.version + 0 DESC LIMIT 1) AS b ON true
     CROSS JOIN LATERAL (
            SELECT (h.rate).meter, e.amount_micros,
                   CASE e.kind WHEN 2 THEN greatest(
                       e.used_quantity - coalesce(e.last_quantity, b.used_quantity, 0), 0) END,
                   (e.kind = 2 AND e.last_version IS NULL AND b.version IS NULL)::int
             WHERE h.lines IS NULL
            UNION ALL
            SELECT ((h.lines[i]).rate).meter, CASE WHEN e.amount_micros < 0 THEN -m.shares[i] ELSE m.shares[i] END,
                   CASE e.kind WHEN 2 THEN
                       e.used_quantities[i] - coalesce(e.last_quantities[i], b.used_quantities[i], 0) END,
                   (e.kind = 2 AND i = 1 AND e.last_version IS NULL AND b.version IS NULL)::int
              FROM generate_subscripts(h.lines, 1) AS i,
                   (SELECT CASE e.kind
                           WHEN 2 THEN creditgate.charge_shares(
                               h.lines, coalesce(e.last_quantities, b.used_quantities), e.used_quantities,
                               -e.amount_micros)
                           ELSE creditgate.refund_shares(p_bucket, p_account_key, e.hold_id, e.version, h.lines)
                           END OFFSET 0) AS m (shares)
             WHERE h.lines IS NOT NULL) AS part (meter, amount_micros, quantity, holds)
$$;

-- When a day begins in a time zone: at the first instant of that date. Where the clock is set back over midnight, that is
-- the first of two midnights.
CREATE OR REPLACE FUNCTION creditgate.date_start(p_date date, p_time_zone text) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN ((d.midnight - interval '1 hour') AT TIME ZONE p_time_zone)::date >= p_date
                THEN d.midnight - interval '1 hour' ELSE d.midnight END
      FROM (SELECT p_date::timestamp AT TIME ZONE p_time_zone AS midnight) AS d
$$;

-- The part of a range that whole quarters of an hour, or whole days of a time zone, fill: from one instant on and before
-- another, which is not later where there is none. NULL is no bound.
CREATE OR REPLACE FUNCTION creditgate.whole_slots(
    p_from timestamptz, p_until timestamptz, p_time_zone text, OUT since timestamptz, OUT until timestamptz,
    OUT first_day date, OUT day_after date, OUT days_since timestamptz, OUT days_until timestamptz)
LANGUAGE plpgsql STABLE AS $$
BEGIN
    since := coalesce(date_bin('15 minutes', p_from - interval '1 microsecond', '2000-01-01+00')
        + interval '15 minutes', '-infinity');
    until := coalesce(date_bin('15 minutes', p_until, '2000-01-01+00'), 'infinity');
    first_day := '-infinity';
    days_since := '-infinity';
    day_after := 'infinity';
    days_until := 'infinity';
    IF p_from IS NOT NULL THEN
        first_day := (p_from AT TIME ZONE p_time_zone)::date;
        days_since := creditgate.date_start(first_day, p_time_zone);
        IF days_since < p_from THEN
            first_day := first_day + 1;
            days_since := creditgate.date_start(first_day, p_time_zone);
        END IF;
    END IF;
    IF p_until IS NOT NULL THEN
        day_after := (p_until AT TIME ZONE p_time_zone)::date;
        days_until := creditgate.date_start(day_after, p_time_zone);
    END IF;
END $$;

-- What is summed up of an account unit by unit, from one instant on and before another.
CREATE OR REPLACE FUNCTION creditgate.summed_usage(
    p_bucket smallint, p_account_key uuid, p_unit smallint, p_from timestamptz, p_until timestamptz)
RETURNS TABLE (
    slot timestamptz, kind smallint, type text, meter text, model text, value text, amount_micros bigint,
    quantity bigint, holds bigint)
LANGUAGE sql STABLE AS $$
    SELECT s.slot, s.kind, s.type, s.meter, s.model, s.value, s.amount_micros, s.quantity, s.holds
      FROM creditgate.usage_slots AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.grouping = 0 AND s.key = ''
       AND s.unit = p_unit AND s.slot >= p_from AND s.slot < p_until
$$;

-- What is summed up of an account day by day under a grouping, from one instant on and before another. value is empty for
-- work that names nothing under it: what there is without a grouping, less what names something.
CREATE OR REPLACE FUNCTION creditgate.summed_values(
    p_bucket smallint, p_account_key uuid, p_from timestamptz, p_until timestamptz, p_grouping smallint, p_key text)
RETURNS TABLE (
    slot timestamptz, kind smallint, type text, meter text, model text, value text, amount_micros bigint,
    quantity bigint, holds bigint)
LANGUAGE sql STABLE AS $$
    WITH named AS MATERIALIZED (
        SELECT s.slot, s.kind, s.type, s.meter, s.model, s.value, s.amount_micros, s.quantity, s.holds
          FROM creditgate.usage_slots AS s
         WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.grouping = p_grouping
           AND s.key = p_key AND s.unit = 2 AND s.slot >= p_from AND s.slot < p_until
    )
    SELECT n.* FROM named AS n
    UNION ALL
    SELECT t.slot, t.kind, t.type, t.meter, t.model, '', creditgate.bounded(sum(t.amount_micros)),
           creditgate.bounded(sum(t.quantity)), sum(t.holds)::bigint
      FROM (SELECT s.slot, s.kind, s.type, s.meter, s.model, s.amount_micros, s.quantity, s.holds
              FROM creditgate.summed_usage(p_bucket, p_account_key, 2::smallint, p_from, p_until) AS s
            UNION ALL
            SELECT n.slot, n.kind, n.type, n.meter, n.model, -n.amount_micros, -n.quantity, -n.holds
              FROM named AS n) AS t
     GROUP BY 1, 2, 3, 4, 5
    HAVING sum(t.amount_micros) <> 0 OR sum(t.quantity) <> 0 OR sum(t.holds) <> 0
$$;

-- The same without types, meters and models: a value of many of them is one row a day, or one row in all.
CREATE OR REPLACE FUNCTION creditgate.totals_of_values(
    p_bucket smallint, p_account_key uuid, p_from timestamptz, p_until timestamptz, p_grouping smallint, p_key text,
    p_by_day boolean)
RETURNS TABLE (
    slot timestamptz, kind smallint, type text, meter text, model text, value text, amount_micros bigint,
    quantity bigint, holds bigint)
LANGUAGE sql STABLE AS $$
    WITH named AS MATERIALIZED (
        SELECT CASE WHEN p_by_day THEN s.slot ELSE p_from END AS slot, s.kind, s.value,
               creditgate.bounded(sum(s.amount_micros)) AS amount_micros,
               creditgate.bounded(sum(s.quantity)) AS quantity, sum(s.holds)::bigint AS holds
          FROM creditgate.usage_slots AS s
         WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.grouping = p_grouping
           AND s.key = p_key AND s.unit = 2 AND s.slot >= p_from AND s.slot < p_until
         GROUP BY 1, 2, 3
    )
    SELECT n.slot, n.kind, '', '', '', n.value, n.amount_micros, n.quantity, n.holds FROM named AS n
    UNION ALL
    SELECT t.slot, t.kind, '', '', '', '', creditgate.bounded(sum(t.amount_micros)),
           creditgate.bounded(sum(t.quantity)), sum(t.holds)::bigint
      FROM (SELECT CASE WHEN p_by_day THEN s.slot ELSE p_from END AS slot, s.kind, s.amount_micros, s.quantity, s.holds
              FROM creditgate.summed_usage(p_bucket, p_account_key, 2::smallint, p_from, p_until) AS s
            UNION ALL
            SELECT n.slot, n.kind, -n.amount_micros, -n.quantity, -n.holds FROM named AS n) AS t
     GROUP BY t.slot, t.kind
    HAVING sum(t.amount_micros) <> 0 OR sum(t.quantity) <> 0 OR sum(t.holds) <> 0
$$;

-- What the entries of a run of an account's versions were for that are from one instant on and before another.
CREATE OR REPLACE FUNCTION creditgate.unsummed_usage(
    p_bucket smallint, p_account_key uuid, p_after bigint, p_through bigint, p_from timestamptz, p_until timestamptz,
    p_grouping smallint, p_key text)
RETURNS TABLE (
    slot timestamptz, kind smallint, type text, meter text, model text, value text, amount_micros bigint,
    quantity bigint, holds bigint)
LANGUAGE sql STABLE AS $$
    SELECT date_bin('15 minutes', u.created_at, '2000-01-01+00'), u.kind, u.type, u.meter, u.model,
           creditgate.work_value(u.details, p_grouping, p_key),
           creditgate.bounded(sum(u.amount_micros)), creditgate.bounded(sum(u.quantity)), sum(u.holds)::bigint
      FROM creditgate.usage_parts(p_bucket, p_account_key, p_after, p_through) AS u
     WHERE u.created_at >= p_from AND u.created_at < p_until
     GROUP BY 1, 2, 3, 4, 5, 6
$$;

-- Tell whoever asks for a range that some of it is not kept any more, where that is so.
CREATE OR REPLACE FUNCTION creditgate.refuse_range(p_is_gone boolean) RETURNS void
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF p_is_gone THEN
        RAISE EXCEPTION 'some of the range was taken out of the archive' USING ERRCODE = 'CG047';
    END IF;
END $$;

-- What an account's credits were for from one instant on and before another; NULL is no bound. Rows are to be added up: by
-- quarters of an hour, and by what the work names under a grouping, if one is given; value is empty for work that names
-- nothing under it, so that the sums over all values are those without a grouping. Who needs no times within days of the
-- account's time zone says so by p_days: whole days come as one then, at their midnight. Who needs what the work names
-- alone, and no types, meters and models, says so by p_words: what was summed up comes without them then; and who needs no
-- days either, by p_totals.
-- Whole units are read as they were summed up, the edges of the range and what has happened since off the ledger; all of
-- it in the snapshot of the statement, so that each entry is in it once. A range that needs entries which are not kept any
-- more is refused.
DROP FUNCTION IF EXISTS creditgate.usage_rows(smallint, uuid, timestamptz, timestamptz, smallint, text);
DROP FUNCTION IF EXISTS creditgate.usage_rows(smallint, uuid, timestamptz, timestamptz, smallint, text, boolean);
DROP FUNCTION IF EXISTS creditgate.usage_rows(smallint, uuid, timestamptz, timestamptz, smallint, text, boolean, boolean);
CREATE OR REPLACE FUNCTION creditgate.usage_rows(
    p_bucket smallint, p_account_key uuid, p_from timestamptz, p_until timestamptz, p_grouping smallint, p_key text,
    p_days boolean DEFAULT false, p_totals boolean DEFAULT false, p_words boolean DEFAULT true)
RETURNS TABLE (
    slot timestamptz, kind smallint, type text, meter text, model text, value text, amount_micros bigint,
    quantity bigint, holds bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_key text := CASE p_grouping WHEN 8 THEN p_key ELSE '' END;
    v_named boolean := p_grouping BETWEEN 4 AND 8;
    v_from timestamptz := coalesce(p_from, '-infinity');
    v_until timestamptz := coalesce(p_until, 'infinity');
    v_after bigint := 0;
    v_through bigint;
    v_last bigint;
    v_days boolean;
    v_before boolean;
    v_ended boolean;
    v_first_day timestamptz;
    v_day_after timestamptz;
    v_since timestamptz;
    v_end timestamptz;
    a record;
    w record;
BEGIN
    SELECT s.version, s.time_zone, coalesce(p.version, 0) AS summed, p.time_zone = s.time_zone AS in_days,
           coalesce(r.emptied_at, '-infinity') AS emptied_at INTO a
      FROM creditgate.accounts AS s
      LEFT JOIN creditgate.usage_progress AS p ON p.bucket = s.bucket AND p.account_key = s.account_key
      LEFT JOIN creditgate.archives AS r ON r.bucket = s.bucket AND r.account_key = s.account_key
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key;
    v_through := a.version;
    IF p_from IS NOT NULL THEN
        v_after := creditgate.last_version_before(p_bucket, p_account_key, a.version, p_from);
    END IF;
    IF p_until IS NOT NULL THEN
        v_through := creditgate.last_version_before(p_bucket, p_account_key, a.version, p_until);
    END IF;

    -- What was taken out of the archive is in the sums alone: it cannot be read at edges.
    v_before := v_from <= a.emptied_at AND a.emptied_at > '-infinity';
    v_ended := v_until <= a.emptied_at;
    -- A bound that nothing summed up lies beyond is none: no edge has to be read at it.
    w := creditgate.whole_slots(
        CASE WHEN v_after > 0 THEN p_from END, CASE WHEN v_through < a.summed OR v_ended THEN p_until END, a.time_zone);
    v_days := p_days AND a.in_days AND w.days_since < w.days_until;
    v_since := CASE WHEN v_named THEN w.days_since ELSE w.since END;
    v_end := CASE WHEN v_named THEN w.days_until ELSE w.until END;
    IF (v_after >= a.summed AND NOT v_before) OR v_since >= v_end OR (v_named AND NOT v_days) THEN
        PERFORM creditgate.refuse_range(v_before AND v_from < v_until);
        RETURN QUERY SELECT * FROM creditgate.unsummed_usage(
            p_bucket, p_account_key, v_after, v_through, v_from, v_until, p_grouping, v_key);
        RETURN;
    END IF;

    v_first_day := w.first_day::timestamp AT TIME ZONE a.time_zone;
    v_day_after := w.day_after::timestamp AT TIME ZONE a.time_zone;
    IF v_named AND NOT p_words THEN
        RETURN QUERY SELECT * FROM creditgate.totals_of_values(
            p_bucket, p_account_key, v_first_day, v_day_after, p_grouping, v_key, NOT p_totals);
    ELSIF v_named THEN
        RETURN QUERY SELECT * FROM creditgate.summed_values(
            p_bucket, p_account_key, v_first_day, v_day_after, p_grouping, v_key);
    ELSIF v_days THEN
        RETURN QUERY SELECT * FROM creditgate.summed_usage(
            p_bucket, p_account_key, 2::smallint, v_first_day, v_day_after);
        RETURN QUERY SELECT * FROM creditgate.summed_usage(
            p_bucket, p_account_key, 0::smallint, v_since, w.days_since);
        RETURN QUERY SELECT * FROM creditgate.summed_usage(
            p_bucket, p_account_key, 0::smallint, w.days_until, v_end);
    ELSE
        RETURN QUERY SELECT * FROM creditgate.summed_usage(p_bucket, p_account_key, 0::smallint, v_since, v_end);
    END IF;
    IF v_from < v_since AND v_after > 0 THEN
        PERFORM creditgate.refuse_range(v_before);
        v_last := creditgate.last_version_before(p_bucket, p_account_key, a.summed, v_since);
        RETURN QUERY SELECT * FROM creditgate.unsummed_usage(
            p_bucket, p_account_key, v_after, v_last, v_from, v_since, p_grouping, v_key);
    END IF;
    IF v_end < v_until AND (v_through < a.summed OR v_ended) THEN
        PERFORM creditgate.refuse_range(v_end <= a.emptied_at);
        v_last := creditgate.last_version_before(p_bucket, p_account_key, a.summed, v_end);
        RETURN QUERY SELECT * FROM creditgate.unsummed_usage(
            p_bucket, p_account_key, v_last, v_through, v_end, v_until, p_grouping, v_key);
    END IF;
    RETURN QUERY SELECT * FROM creditgate.unsummed_usage(
        p_bucket, p_account_key, a.summed, v_through, v_from, v_until, p_grouping, v_key);
END $$;
