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
      LEFT JOIN creditgate.all_holds AS h
        ON h.bucket = p_bucket AND h.account_key = p_account_key AND h.hold_id = e.hold_id
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
            SELECT ((h.lines[i]).rate).meter, sign(e.amount_micros) * m.shares[i],
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

-- What an account's credits were for from one instant on and before another; NULL is no bound. Rows are sums over quarters
-- of an hour, and by what the work names under a grouping, if one is given: value is empty for work that names nothing
-- under it, so that the sums over all values are those without a grouping.
CREATE OR REPLACE FUNCTION creditgate.usage_rows(
    p_bucket smallint, p_account_key uuid, p_from timestamptz, p_until timestamptz, p_grouping smallint, p_key text)
RETURNS TABLE (
    slot timestamptz, kind smallint, type text, meter text, model text, value text, amount_micros bigint,
    quantity bigint, holds bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_after bigint := 0;
    v_through bigint;
BEGIN
    SELECT a.version INTO v_through FROM creditgate.accounts AS a
     WHERE a.bucket = p_bucket AND a.account_key = p_account_key;
    IF p_from IS NOT NULL THEN
        v_after := creditgate.last_version_before(p_bucket, p_account_key, v_through, p_from);
    END IF;
    IF p_until IS NOT NULL THEN
        v_through := creditgate.last_version_before(p_bucket, p_account_key, v_through, p_until);
    END IF;
    RETURN QUERY
        SELECT date_bin('15 minutes', u.created_at, '2000-01-01'), u.kind, u.type, u.meter, u.model,
               creditgate.work_value(u.details, p_grouping, p_key),
               sum(u.amount_micros)::bigint, sum(u.quantity)::bigint, sum(u.holds)::bigint
          FROM creditgate.usage_parts(p_bucket, p_account_key, v_after, v_through) AS u
         GROUP BY 1, 2, 3, 4, 5, 6;
END $$;
