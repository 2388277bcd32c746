-- The accounts of a bucket whose sums are not those of their entries, as far as these are summed up, each with one place
-- where they differ. Sums are compared by what can be counted in another way than they were made: amounts by quarter of an
-- hour, by day, and by each value; quantities by what every hold had used in the end; holds by their names. Where the
-- archive was emptied, what is left to compare is the sum of all amounts with what is carried.
CREATE OR REPLACE FUNCTION creditgate.verify_usage(p_bucket smallint)
RETURNS TABLE (account_key uuid, detail text)
LANGUAGE sql STABLE AS $$
    WITH p AS (
        SELECT p.account_key, p.version, p.time_zone, coalesce(r.emptied_version, 0) > 0 AS emptied, r.emptied_micros
          FROM creditgate.usage_progress AS p
          LEFT JOIN creditgate.archives AS r ON r.bucket = p.bucket AND r.account_key = p.account_key
         WHERE p.bucket = p_bucket AND p.version > 0
    ), entry AS MATERIALIZED (
        SELECT e.account_key, e.kind, e.amount_micros, e.hold_id, e.created_at, p.time_zone, p.emptied,
               coalesce(e.used_quantity, (SELECT sum(u.q) FROM unnest(e.used_quantities) AS u (q))) AS used
          FROM creditgate.all_entries AS e JOIN p ON p.account_key = e.account_key AND e.version <= p.version
         WHERE e.bucket = p_bucket
    ), e AS (
        SELECT * FROM entry WHERE NOT emptied
    ), slot AS MATERIALIZED (
        SELECT s.*, p.emptied FROM creditgate.usage_slots AS s JOIN p USING (account_key) WHERE s.bucket = p_bucket
    ), s AS (
        SELECT * FROM slot WHERE NOT emptied
    ), wanted (account_key, what, sum) AS (
        SELECT p.account_key, 'amounts by ' || u.unit, coalesce(p.emptied_micros, 0) + coalesce(t.sum, 0)
          FROM p LEFT JOIN (SELECT account_key, sum(amount_micros) FROM entry GROUP BY account_key) AS t USING (account_key),
               (VALUES ('quarter'), ('day')) AS u (unit)
        UNION ALL
        SELECT account_key, format('amounts of kind %s in %s', kind, date_bin('15 minutes', created_at, '2000-01-01+00')),
               sum(amount_micros)
          FROM e GROUP BY 1, 2
        UNION ALL
        SELECT account_key, format('amounts of kind %s on %s', kind, date_trunc('day', created_at, time_zone)),
               sum(amount_micros)
          FROM e GROUP BY 1, 2
        UNION ALL
        SELECT h.account_key, 'quantities by ' || u.unit, sum(h.used)
          FROM (SELECT account_key, max(used) AS used FROM e WHERE kind = 2 GROUP BY account_key, hold_id) AS h,
               (VALUES ('quarter'), ('day')) AS u (unit)
         GROUP BY 1, 2
        UNION ALL
        SELECT e.account_key, 'holds by ' || u.unit, count(DISTINCT e.hold_id)
          FROM e, (VALUES ('quarter'), ('day')) AS u (unit) WHERE e.kind = 2 GROUP BY 1, 2
        UNION ALL
        SELECT e.account_key, format('amounts under %s', ARRAY[v.no::text, v.key, v.value]), sum(e.amount_micros)
          FROM e JOIN creditgate.all_holds AS h ON h.bucket = p_bucket AND h.account_key = e.account_key AND h.hold_id = e.hold_id,
               LATERAL (SELECT (ARRAY[4, 5, 6, 7])[i], '', h.details -> 'attributes' ->> (
                               ARRAY['agent', 'user', 'topic', 'conversation_id'])[i] FROM generate_series(1, 4) AS i
                        UNION ALL
                        SELECT 8, l.* FROM jsonb_each_text(h.details -> 'labels') AS l) AS v (no, key, value)
         WHERE v.value <> '' GROUP BY 1, 2
    ), kept (account_key, what, sum) AS (
        SELECT account_key, 'amounts by ' || CASE unit WHEN 0 THEN 'quarter' ELSE 'day' END, sum(amount_micros)
          FROM slot WHERE grouping = 0 GROUP BY 1, 2
        UNION ALL
        SELECT account_key, format('amounts of kind %s %s %s', kind, CASE unit WHEN 0 THEN 'in' ELSE 'on' END, slot),
               sum(amount_micros)
          FROM s WHERE grouping = 0 GROUP BY 1, 2
        UNION ALL
        SELECT account_key, 'quantities by ' || CASE unit WHEN 0 THEN 'quarter' ELSE 'day' END, sum(quantity)
          FROM s WHERE grouping = 0 GROUP BY 1, 2
        UNION ALL
        SELECT account_key, 'holds by ' || CASE unit WHEN 0 THEN 'quarter' ELSE 'day' END, sum(holds)
          FROM s WHERE grouping = 0 GROUP BY 1, 2
        UNION ALL
        SELECT account_key, format('amounts under %s', ARRAY[grouping::text, key, value]), sum(amount_micros)
          FROM s WHERE grouping > 0 GROUP BY 1, 2
    )
    SELECT DISTINCT ON (account_key) account_key,
           format('%s: %s <> %s', what, coalesce(k.sum, 0), coalesce(w.sum, 0))
      FROM wanted AS w FULL JOIN kept AS k USING (account_key, what)
     WHERE creditgate.bounded(coalesce(k.sum, 0)) <> creditgate.bounded(coalesce(w.sum, 0))
     ORDER BY account_key, what
$$;
