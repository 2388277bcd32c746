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
    ), worth (account_key, details, sum) AS (
        -- What holds were charged and refunded in all, less what of it is not summed up yet.
        SELECT h.account_key, h.details - 'trace_id', h.refunded_micros - h.charged_micros
          FROM creditgate.all_holds AS h JOIN p ON p.account_key = h.account_key AND NOT p.emptied
         WHERE h.bucket = p_bucket AND h.charged_micros > 0 AND h.details IS NOT NULL
        UNION ALL
        SELECT n.account_key, h.details - 'trace_id', -n.amount_micros
          FROM p JOIN creditgate.all_entries AS n
            ON n.bucket = p_bucket AND n.account_key = p.account_key AND n.version > p.version AND NOT p.emptied
          JOIN creditgate.all_holds AS h
            ON h.bucket = p_bucket AND h.account_key = n.account_key AND h.hold_id = n.hold_id
    ), wanted (account_key, what, unit, at, words, sum) AS (
        SELECT p.account_key, 'amounts', u.unit, '-infinity'::timestamptz, '{}'::text[],
               coalesce(p.emptied_micros, 0) + coalesce(t.sum, 0)
          FROM p LEFT JOIN (SELECT account_key, sum(amount_micros) FROM entry GROUP BY account_key) AS t USING (account_key),
               (VALUES (0), (2)) AS u (unit)
        UNION ALL
        SELECT account_key, 'amounts of kind ' || kind, 0, date_bin('15 minutes', created_at, '2000-01-01+00'), '{}',
               sum(amount_micros)
          FROM e GROUP BY account_key, kind, 4
        UNION ALL
        SELECT account_key, 'amounts of kind ' || kind, 2, date_trunc('day', created_at, time_zone), '{}', sum(amount_micros)
          FROM e GROUP BY account_key, kind, 4
        UNION ALL
        SELECT n.account_key, u.what, u.unit, '-infinity', '{}', u.sum
          FROM (SELECT h.account_key, sum(h.used) AS used, count(*) AS holds
                  FROM (SELECT account_key, max(used) AS used FROM e WHERE kind = 2 GROUP BY account_key, hold_id) AS h
                 GROUP BY h.account_key) AS n,
               LATERAL (VALUES ('quantities', 0, n.used), ('quantities', 2, n.used), ('holds', 0, n.holds),
                        ('holds', 2, n.holds)) AS u (what, unit, sum)
        UNION ALL
        SELECT g.account_key, 'amounts', 2, '-infinity', ARRAY[v.no::text, v.key, v.value], sum(g.sum)
          FROM worth AS g,
               LATERAL (SELECT 4, '', g.details -> 'attributes' ->> 'agent'
                        UNION ALL SELECT 5, '', g.details -> 'attributes' ->> 'user'
                        UNION ALL SELECT 6, '', g.details -> 'attributes' ->> 'topic'
                        UNION ALL SELECT 7, '', g.details -> 'attributes' ->> 'conversation_id'
                        UNION ALL SELECT 8, l.* FROM jsonb_each_text(g.details -> 'labels') AS l) AS v (no, key, value)
         WHERE v.value <> '' GROUP BY g.account_key, v.no, v.key, v.value
    ), kept (account_key, what, unit, at, words, sum) AS (
        SELECT account_key, 'amounts', unit, '-infinity'::timestamptz, '{}'::text[], sum(amount_micros)
          FROM slot WHERE grouping = 0 GROUP BY account_key, unit
        UNION ALL
        SELECT account_key, 'amounts of kind ' || kind, unit, slot, '{}', sum(amount_micros)
          FROM s WHERE grouping = 0 GROUP BY account_key, kind, unit, slot
        UNION ALL
        SELECT n.account_key, u.what, n.unit, '-infinity', '{}', u.sum
          FROM (SELECT account_key, unit, sum(quantity) AS quantity, sum(holds) AS holds
                  FROM s WHERE grouping = 0 GROUP BY account_key, unit) AS n,
               LATERAL (VALUES ('quantities', n.quantity), ('holds', n.holds)) AS u (what, sum)
        UNION ALL
        SELECT account_key, 'amounts', unit, '-infinity', ARRAY[grouping::text, key, value], sum(amount_micros)
          FROM s WHERE grouping > 0 GROUP BY account_key, unit, grouping, key, value
    )
    SELECT DISTINCT ON (account_key) account_key,
           format('%s%s by %s%s: %s <> %s', what, CASE WHEN at > '-infinity' THEN ' at ' || at ELSE '' END,
                  CASE unit WHEN 0 THEN 'quarter' ELSE 'day' END,
                  CASE WHEN words <> '{}' THEN ' of ' || words::text ELSE '' END, coalesce(k.sum, 0), coalesce(w.sum, 0))
      FROM wanted AS w FULL JOIN kept AS k USING (account_key, what, unit, at, words)
     WHERE creditgate.bounded(coalesce(k.sum, 0)) <> creditgate.bounded(coalesce(w.sum, 0))
     ORDER BY account_key, what, unit, at, words
$$;
