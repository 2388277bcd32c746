-- Every rule of the ledger that does not hold right now, with the account it is broken for; no rows means all is well.
-- One statement, one snapshot: it can run beside any load.
CREATE OR REPLACE FUNCTION creditgate.verify(p_bucket smallint)
RETURNS TABLE (rule text, account_key uuid, tenant_id uuid, account_id text, detail text)
LANGUAGE sql STABLE AS $$
    WITH a AS (
        SELECT * FROM creditgate.accounts WHERE bucket = p_bucket
    ), s AS (
        SELECT * FROM creditgate.archives WHERE bucket = p_bucket
    ), e AS (
        SELECT account_key, sum(amount_micros) AS total, max(version) AS version
          FROM creditgate.entries WHERE bucket = p_bucket GROUP BY account_key
    ), left_behind AS (
        SELECT n.account_key, sum(n.amount_micros) AS micros
          FROM creditgate.all_entries AS n JOIN s ON s.account_key = n.account_key AND n.version <= s.emptied_version
         WHERE n.bucket = p_bucket GROUP BY n.account_key
    ), archived AS (
        SELECT account_key, sum(entries) AS entries, sum(amount_micros) AS amount_micros, sum(holds) AS holds FROM (
            SELECT account_key, count(*) AS entries, sum(amount_micros) AS amount_micros, 0 AS holds
              FROM creditgate.archived_entries WHERE bucket = p_bucket GROUP BY account_key
            UNION ALL
            SELECT account_key, 0, 0, count(*)
              FROM creditgate.archived_holds WHERE bucket = p_bucket GROUP BY account_key) AS each
         GROUP BY account_key
    ), chain AS (
        SELECT n.account_key, n.version, n.line, n.settled_micros,
               sum(n.amount_micros) OVER (PARTITION BY n.account_key ORDER BY n.version, n.line)
               + coalesce(s.emptied_settled_micros, 0) AS total
          FROM creditgate.all_entries AS n LEFT JOIN s USING (account_key)
         WHERE n.bucket = p_bucket AND n.version > coalesce(s.emptied_version, 0)
    ), g AS (
        SELECT account_key, sum(remaining_micros) FILTER (WHERE state > 1) AS remaining,
               coalesce(sum(remaining_micros) FILTER (WHERE state > 2), 0) AS ended,
               coalesce(sum(amount_micros) FILTER (WHERE state = 0), 0) AS unpaid,
               min(CASE state WHEN 1 THEN effective_at WHEN 2 THEN least(expires_at, notice_at) END) AS next_at
          FROM creditgate.grants WHERE bucket = p_bucket GROUP BY account_key
    ), h AS (
        SELECT account_key, count(*) AS open_holds, sum(held_micros) AS held, sum(carried_micros) AS carried,
               min(expires_at) AS first_end
          FROM creditgate.holds WHERE bucket = p_bucket AND state = 1 GROUP BY account_key
    ), t AS (
        SELECT account_key, count(*) FILTER (WHERE state = 1) AS requested
          FROM creditgate.topups WHERE bucket = p_bucket GROUP BY account_key
    ), ev AS (
        SELECT account_key, count(*) AS total, min(event_no) AS first, max(event_no) AS last
          FROM creditgate.events WHERE bucket = p_bucket GROUP BY account_key
    ), charged AS (
        SELECT h.account_key, h.hold_id, h.charged_micros, h.refunded_micros,
               coalesce(-sum(e.amount_micros) FILTER (WHERE e.kind = 2), 0) AS charges,
               coalesce(sum(e.amount_micros) FILTER (WHERE e.kind = 3), 0) AS refunds
          FROM creditgate.holds AS h
          LEFT JOIN creditgate.entries AS e
            ON e.bucket = h.bucket AND e.account_key = h.account_key AND e.hold_id = h.hold_id
         WHERE h.bucket = p_bucket
         GROUP BY h.account_key, h.hold_id, h.charged_micros, h.refunded_micros
        UNION ALL
        SELECT h.account_key, h.hold_id, h.charged_micros, h.refunded_micros,
               coalesce(-sum(e.amount_micros) FILTER (WHERE e.kind = 2), 0),
               coalesce(sum(e.amount_micros) FILTER (WHERE e.kind = 3), 0)
          FROM creditgate.archived_holds AS h
          LEFT JOIN s USING (account_key)
          LEFT JOIN creditgate.archived_entries AS e
            ON e.bucket = h.bucket AND e.account_key = h.account_key AND e.hold_id = h.hold_id
         WHERE h.bucket = p_bucket AND (s.emptied_at IS NULL OR h.created_at > s.emptied_at)
         GROUP BY h.account_key, h.hold_id, h.charged_micros, h.refunded_micros
    ), k AS (
        SELECT * FROM creditgate.budget_counters WHERE bucket = p_bucket
    ), on_counter AS (
        SELECT h.account_key, h.hold_id, h.state, h.held_micros, u.counter_no
          FROM creditgate.all_holds AS h, unnest(h.counters) AS u (counter_no)
         WHERE h.bucket = p_bucket AND h.counters IS NOT NULL AND EXISTS (SELECT FROM k)
    ), open_on AS (
        SELECT account_key, counter_no, sum(held_micros) AS held, count(*) AS open_holds
          FROM on_counter WHERE state = 1 GROUP BY account_key, counter_no
    ), spent_on AS (
        SELECT account_key, counter_no, sum(spent) AS spent FROM (
            SELECT k.account_key, k.counter_no, -e.amount_micros AS spent
              FROM k JOIN on_counter AS o USING (account_key, counter_no)
              JOIN creditgate.all_entries AS e
                ON e.bucket = p_bucket AND e.account_key = k.account_key AND e.hold_id = o.hold_id AND e.kind = 2
               AND e.version > k.since_version
            UNION ALL
            SELECT k.account_key, k.counter_no, m.spent_micros
              FROM k JOIN creditgate.emptied_spent AS m
                ON m.bucket = p_bucket AND m.account_key = k.account_key AND m.counter_no = k.counter_no
               AND m.since_version = k.since_version) AS each
         GROUP BY account_key, counter_no
    ), for_session AS (
        -- Names of holds have the database's collation: compared in another one, their index would not be used.
        SELECT s.account_key, s.conversation_id, s.session, sum(h.charged_micros) AS charged,
               count(*) FILTER (WHERE h.used_micros > 0) AS credits_used
          FROM creditgate.conversations AS s CROSS JOIN generate_series(1, s.credits) AS n
          JOIN creditgate.all_holds AS h
            ON h.bucket = p_bucket AND h.account_key = s.account_key
           AND h.hold_id = (s.conversation_id || '#' || s.session || '#' || n) COLLATE "default"
         WHERE s.bucket = p_bucket
         GROUP BY s.account_key, s.conversation_id, s.session
    ), for_messages AS (
        SELECT m.account_key, m.conversation_id, m.session, sum(h.charged_micros) AS charged,
               count(*) FILTER (WHERE m.state = 2) AS committed
          FROM creditgate.messages AS m
          LEFT JOIN creditgate.all_holds AS h
            ON h.bucket = p_bucket AND h.account_key = m.account_key
           AND h.hold_id = (m.conversation_id || '##' || m.message_id) COLLATE "default"
         WHERE m.bucket = p_bucket
         GROUP BY m.account_key, m.conversation_id, m.session
    ), session AS (
        SELECT s.account_key, s.conversation_id, s.session, s.messages, s.charged_micros,
               coalesce(f.charged, 0) + coalesce(x.session_micros, 0) AS for_session,
               coalesce(f.credits_used, 0) + coalesce(x.credits_used, 0) AS credits_used,
               coalesce(m.charged, 0) + coalesce(x.messages_micros, 0) AS for_messages,
               coalesce(m.committed, 0) AS committed
          FROM creditgate.conversations AS s
          LEFT JOIN for_session AS f USING (account_key, conversation_id, session)
          LEFT JOIN for_messages AS m USING (account_key, conversation_id, session)
          LEFT JOIN creditgate.emptied_sessions AS x
            ON x.bucket = p_bucket AND x.account_key = s.account_key AND x.conversation_id = s.conversation_id
           AND x.session = s.session
         WHERE s.bucket = p_bucket
    ), waiting AS (
        SELECT DISTINCT account_key, endpoint_id FROM creditgate.deliveries WHERE bucket = p_bucket AND state = 1
    ), line AS (
        SELECT account_key, endpoint_id, true AS here FROM creditgate.delivery_queues WHERE bucket = p_bucket
    ), broken (rule, account_key, detail) AS (
        SELECT 'settled = sum of entries', a.account_key,
               format('%s <> %s + %s archived', a.settled_micros, coalesce(e.total, 0), s.amount_micros + s.emptied_micros)
          FROM a LEFT JOIN e USING (account_key) LEFT JOIN s USING (account_key)
         WHERE a.settled_micros <> coalesce(e.total, 0) + coalesce(s.amount_micros + s.emptied_micros, 0)
        UNION ALL
        SELECT 'settled = grants remaining - debt', a.account_key,
               format('%s <> %s - %s', a.settled_micros, coalesce(g.remaining, 0), a.debt_micros)
          FROM a LEFT JOIN g USING (account_key)
         WHERE a.settled_micros <> coalesce(g.remaining, 0) - a.debt_micros
        UNION ALL
        SELECT 'held = sum of open holds', a.account_key,
               format('%s in %s <> %s in %s', a.held_micros, a.open_holds, coalesce(h.held, 0),
                      coalesce(h.open_holds, 0))
          FROM a LEFT JOIN h USING (account_key)
         WHERE a.held_micros <> coalesce(h.held, 0) OR a.open_holds <> coalesce(h.open_holds, 0)
        UNION ALL
        SELECT 'ended grants remain only for open holds', a.account_key,
               format('%s <> %s', coalesce(g.ended, 0), coalesce(h.carried, 0))
          FROM a LEFT JOIN g USING (account_key) LEFT JOIN h USING (account_key)
         WHERE coalesce(g.ended, 0) <> coalesce(h.carried, 0)
        UNION ALL
        SELECT 'each entry continues the balance', c.account_key,
               format('version %s line %s: %s <> %s', c.version, c.line, c.settled_micros, c.total)
          FROM chain AS c WHERE c.settled_micros <> c.total
        UNION ALL
        SELECT 'no entry is ahead of its account', e.account_key, format('%s > %s', e.version, coalesce(a.version, 0))
          FROM e LEFT JOIN a USING (account_key) WHERE e.version > coalesce(a.version, 0)
        UNION ALL
        SELECT 'charged = entries of the hold', c.account_key,
               format('%s: charged %s <> %s or refunded %s <> %s', c.hold_id, c.charged_micros, c.charges,
                      c.refunded_micros, c.refunds)
          FROM charged AS c WHERE c.charged_micros <> c.charges OR c.refunded_micros <> c.refunds
        UNION ALL
        SELECT 'nothing due is forgotten', a.account_key,
               format('due %s, holds %s, grants %s, cycle %s', a.due_at, h.first_end, g.next_at, a.cycle_ends_at)
          FROM a LEFT JOIN h USING (account_key) LEFT JOIN g USING (account_key)
         WHERE a.due_at > least(h.first_end, g.next_at, a.cycle_ends_at, a.topup_due_at)
        UNION ALL
        SELECT 'held on a counter = its open holds', k.account_key,
               format('counter %s: %s in %s <> %s in %s', k.counter_no, k.held_micros, k.open_holds,
                      coalesce(o.held, 0), coalesce(o.open_holds, 0))
          FROM k LEFT JOIN open_on AS o USING (account_key, counter_no)
         WHERE k.held_micros <> coalesce(o.held, 0) OR k.open_holds <> coalesce(o.open_holds, 0)
        UNION ALL
        SELECT 'spent on a counter = its charges of the period', k.account_key,
               format('counter %s: %s <> %s', k.counter_no, k.spent_micros, coalesce(s.spent, 0))
          FROM k LEFT JOIN spent_on AS s USING (account_key, counter_no)
         WHERE k.spent_micros <> least(coalesce(s.spent, 0), 4000000000000000000)
        UNION ALL
        SELECT 'unpaid = sum of unpaid grants', a.account_key, format('%s <> %s', a.unpaid_micros, coalesce(g.unpaid, 0))
          FROM a LEFT JOIN g USING (account_key) WHERE a.unpaid_micros <> coalesce(g.unpaid, 0)
        UNION ALL
        SELECT 'one top-up at most is under way', a.account_key, format('%s requested, %s', t.requested, a.topup_request_id)
          FROM a LEFT JOIN t USING (account_key)
         WHERE coalesce(t.requested, 0) <> (a.topup_request_id IS NOT NULL)::int
        UNION ALL
        SELECT 'events are without gaps', ev.account_key,
               format('%s from %s to %s, of %s', ev.total, ev.first, ev.last, coalesce(a.event_count, 0))
          FROM ev LEFT JOIN a USING (account_key)
         WHERE ev.last <> coalesce(a.event_count, 0) OR ev.total <> ev.last - ev.first + 1
        UNION ALL
        SELECT 'what waits for delivery has a line', coalesce(w.account_key, l.account_key),
               format('%s: %s', coalesce(w.endpoint_id, l.endpoint_id),
                      CASE WHEN l.here THEN 'nobody waits' ELSE 'no line' END)
          FROM waiting AS w FULL JOIN line AS l ON l.account_key = w.account_key AND l.endpoint_id = w.endpoint_id
         WHERE w.account_key IS NULL OR l.account_key IS NULL
        UNION ALL
        SELECT 'lines cost no more than was used', h.account_key, format('%s: used %s < %s', h.hold_id, h.used_micros, l.cost)
          FROM creditgate.holds AS h, LATERAL (
                SELECT sum(creditgate.price(u.rate, u.used_quantity)) AS cost FROM unnest(h.lines) AS u) AS l
         WHERE h.bucket = p_bucket AND h.lines IS NOT NULL AND h.used_micros < l.cost
        UNION ALL
        SELECT 'a session cost what its holds were charged', s.account_key,
               format('%s session %s: %s <> %s + %s', s.conversation_id, s.session, s.charged_micros, s.for_session,
                      s.for_messages)
          FROM session AS s WHERE s.charged_micros <> s.for_session + s.for_messages
        UNION ALL
        SELECT 'a session is charged once, with its first message', s.account_key,
               format('%s session %s: %s credits used, %s messages of %s', s.conversation_id, s.session, s.credits_used,
                      s.messages, s.committed)
          FROM session AS s
         WHERE s.messages <> s.committed OR s.credits_used > 1 OR (s.credits_used > 0 AND s.messages = 0)
        UNION ALL
        SELECT 'what is in the archive is what was moved there', account_key,
               format('%s of %s in %s holds <> %s of %s in %s holds', coalesce(n.entries, 0), coalesce(n.amount_micros, 0),
                      coalesce(n.holds, 0), s.entries, s.amount_micros, s.holds)
          FROM archived AS n FULL JOIN s USING (account_key) LEFT JOIN a USING (account_key)
         WHERE s.account_key IS NULL OR (s.entries, s.amount_micros, s.holds)
               <> (coalesce(n.entries, 0), coalesce(n.amount_micros, 0), coalesce(n.holds, 0))
            OR a.has_archive IS NOT TRUE
        UNION ALL
        SELECT 'the balance is carried over what left the archive', s.account_key,
               format('%s <> %s + %s', s.emptied_settled_micros, s.emptied_micros, coalesce(l.micros, 0))
          FROM s LEFT JOIN left_behind AS l USING (account_key)
         WHERE s.emptied_settled_micros <> s.emptied_micros + coalesce(l.micros, 0)
        UNION ALL
        SELECT 'a hold is in one place', h.account_key, h.hold_id
          FROM creditgate.archived_holds AS h
         WHERE h.bucket = p_bucket AND (
               h.state = 1
            OR EXISTS (SELECT FROM creditgate.holds AS n
                        WHERE n.bucket = h.bucket AND n.account_key = h.account_key AND n.hold_id = h.hold_id)
            OR EXISTS (SELECT FROM creditgate.entries AS n
                        WHERE n.bucket = h.bucket AND n.account_key = h.account_key AND n.hold_id = h.hold_id))
        UNION ALL
        SELECT 'usage = ledger', u.account_key, u.detail FROM creditgate.verify_usage(p_bucket) AS u
        UNION ALL
        SELECT 'every hold has an account', h.account_key, format('%s open holds', h.open_holds)
          FROM h LEFT JOIN a USING (account_key) WHERE a.account_key IS NULL
    )
    SELECT b.rule, b.account_key, a.tenant_id, a.account_id, b.detail
      FROM broken AS b LEFT JOIN a USING (account_key)
     ORDER BY b.account_key, b.rule
$$;
