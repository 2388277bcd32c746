-- The buckets in which events are to be handed on, or a delivery is to be tried.
CREATE OR REPLACE FUNCTION creditgate.due_deliveries() RETURNS smallint[]
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := creditgate.clock();
BEGIN
    RETURN ARRAY(
        SELECT f.bucket FROM creditgate.fan_outs AS f
         WHERE EXISTS (SELECT FROM creditgate.events AS e WHERE e.bucket = f.bucket AND NOT e.dispatched)
            OR EXISTS (SELECT FROM creditgate.delivery_queues AS q WHERE q.bucket = f.bucket AND q.next_at <= v_now));
END $$;

-- Make deliveries of a bucket's next events, in their order. Answers how many events it took.
CREATE OR REPLACE FUNCTION creditgate.fan_out(p_bucket smallint, p_limit integer) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_events creditgate.events[];
    v_now timestamptz;
BEGIN
    PERFORM FROM creditgate.fan_outs AS f WHERE f.bucket = p_bucket FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    v_now := creditgate.clock();
    -- By where they lie: a plan made while there were few would look for them in all there are.
    WITH taken AS (
        UPDATE creditgate.events AS e SET dispatched = true
         WHERE e.ctid = ANY (ARRAY(
               SELECT f.ctid FROM creditgate.events AS f WHERE f.bucket = p_bucket AND NOT f.dispatched
                ORDER BY f.account_key, f.event_no LIMIT p_limit))
        RETURNING e
    )
    SELECT array_agg(t.e) INTO v_events FROM taken AS t;

    -- Each for those endpoints that were there when it happened.
    WITH made AS (
        INSERT INTO creditgate.deliveries
            (bucket, account_key, endpoint_id, event_no, tenant_id, event_kind, created_at)
        SELECT e.bucket, e.account_key, x.endpoint_id, e.event_no, a.tenant_id, e.kind, e.created_at
          FROM unnest(v_events) AS e
          JOIN creditgate.accounts AS a ON a.bucket = e.bucket AND a.account_key = e.account_key
         CROSS JOIN LATERAL (
            SELECT t.* FROM creditgate.endpoints AS t WHERE t.tenant_id = a.tenant_id AND t.account_key IS NULL AND t.state < 3
             UNION ALL
            SELECT t.* FROM creditgate.endpoints AS t
             WHERE t.tenant_id = a.tenant_id AND t.account_key = e.account_key AND t.state < 3) AS x
         WHERE x.state = 1 AND x.created_at <= e.created_at AND (x.kinds = '{}' OR e.kind = ANY (x.kinds))
        ON CONFLICT DO NOTHING
        RETURNING bucket, account_key, endpoint_id, tenant_id
    )
    -- A line that is there is locked nonetheless: whoever ends its first waits, and sees who has come.
    INSERT INTO creditgate.delivery_queues AS q
    SELECT DISTINCT m.bucket, m.account_key, m.endpoint_id, m.tenant_id, v_now FROM made AS m
     ORDER BY m.account_key, m.endpoint_id
    ON CONFLICT (bucket, account_key, endpoint_id) DO UPDATE SET next_at = excluded.next_at WHERE false;
    RETURN coalesce(cardinality(v_events), 0);
END $$;

-- Take the first of each line that is due, for as long as the lease: nobody else does meanwhile. Nothing for the
-- endpoints that are busy, where an empty name is all of a tenant's; one for each that is slow; at most so much for each
-- other one, and for each tenant.
CREATE OR REPLACE FUNCTION creditgate.take_deliveries(
    p_bucket smallint, p_limit integer, p_per_endpoint integer, p_per_tenant integer, p_busy_tenants uuid[],
    p_busy_endpoints text[], p_slow_tenants uuid[], p_slow_endpoints text[], p_lease_seconds double precision)
RETURNS TABLE (
    bucket smallint, account_key uuid, endpoint_id text, event_no bigint, attempts integer, tenant_id uuid,
    endpoint_kind smallint, address text, endpoint_state smallint, generation integer, rotated boolean, account_id text,
    event_kind smallint, version bigint, settled_micros bigint, held_micros bigint, overdraft_limit_micros bigint,
    body text, created_at timestamptz, sent_at timestamptz)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_now timestamptz := creditgate.clock();
    v_lines creditgate.delivery_queues[];
BEGIN
    WITH due AS (
        SELECT d.account_key, d.endpoint_id,
               row_number() OVER (PARTITION BY d.tenant_id ORDER BY d.next_at) AS of_tenant,
               row_number() OVER (PARTITION BY d.tenant_id, d.endpoint_id ORDER BY d.next_at) AS of_endpoint,
               EXISTS (SELECT FROM unnest(p_slow_tenants, p_slow_endpoints) AS s (tenant_id, endpoint_id)
                        WHERE s.tenant_id = d.tenant_id AND s.endpoint_id = d.endpoint_id) AS slow
          FROM (SELECT q.* FROM creditgate.delivery_queues AS q
                 WHERE q.bucket = p_bucket AND q.next_at <= v_now
                   AND NOT EXISTS (
                       SELECT FROM unnest(p_busy_tenants, p_busy_endpoints) AS b (tenant_id, endpoint_id)
                        WHERE b.tenant_id = q.tenant_id AND b.endpoint_id IN (q.endpoint_id, ''))
                 ORDER BY q.next_at LIMIT 1000) AS d
    ), chosen AS (
        SELECT q.account_key, q.endpoint_id
          FROM due AS d
          JOIN creditgate.delivery_queues AS q
            ON q.bucket = p_bucket AND q.account_key = d.account_key AND q.endpoint_id = d.endpoint_id
         WHERE d.of_endpoint <= CASE WHEN d.slow THEN 1 ELSE p_per_endpoint END
           AND d.of_tenant <= p_per_tenant AND q.next_at <= v_now
         ORDER BY q.next_at LIMIT p_limit
           FOR UPDATE OF q SKIP LOCKED
    ), leased AS (
        UPDATE creditgate.delivery_queues AS q SET next_at = v_now + p_lease_seconds * interval '1 second'
          FROM chosen AS c
         WHERE q.bucket = p_bucket AND q.account_key = c.account_key AND q.endpoint_id = c.endpoint_id
        RETURNING q
    )
    SELECT array_agg(l.q) INTO v_lines FROM leased AS l;

    RETURN QUERY
    WITH tried AS (
        UPDATE creditgate.deliveries AS d SET attempts = d.attempts + 1
          FROM unnest(v_lines) AS q
         WHERE d.bucket = p_bucket AND d.account_key = q.account_key AND d.endpoint_id = q.endpoint_id
           AND d.event_no = (
               SELECT min(f.event_no) FROM creditgate.deliveries AS f
                WHERE f.bucket = p_bucket AND f.account_key = q.account_key AND f.endpoint_id = q.endpoint_id
                  AND f.state = 1)
        RETURNING d.*
    )
    SELECT d.bucket, d.account_key, d.endpoint_id, d.event_no, d.attempts, d.tenant_id, x.kind, x.address, x.state,
           x.generation, coalesce(x.rotated_at > v_now - interval '24 hours', false), a.account_id, d.event_kind,
           e.version, e.settled_micros, e.held_micros, e.overdraft_limit_micros, e.body::text, e.created_at, v_now
      FROM tried AS d
      JOIN creditgate.endpoints AS x ON x.tenant_id = d.tenant_id AND x.endpoint_id = d.endpoint_id
      JOIN creditgate.accounts AS a ON a.bucket = d.bucket AND a.account_key = d.account_key
      LEFT JOIN creditgate.events AS e
        ON e.bucket = d.bucket AND e.account_key = d.account_key AND e.event_no = d.event_no;
END $$;

-- Note what came of attempts, of those that are still the latest, and let the next of each line have its turn.
CREATE OR REPLACE FUNCTION creditgate.settle_deliveries(p_attempts creditgate.attempt[]) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := creditgate.clock();
    v_noted creditgate.attempt[];
BEGIN
    -- Locked before anything is read, so that whoever is adding to a line has done so.
    PERFORM FROM creditgate.delivery_queues AS q
       JOIN unnest(p_attempts) AS t
         ON q.bucket = t.bucket AND q.account_key = t.account_key AND q.endpoint_id = t.endpoint_id
      ORDER BY q.bucket, q.account_key, q.endpoint_id
        FOR UPDATE OF q;
    -- Below 2 is pending, said so that each is found by its key and not among all that are pending.
    WITH noted AS (
        UPDATE creditgate.deliveries AS d
           SET state = t.state, last_status = t.last_status, last_error = t.last_error,
               ended_at = CASE WHEN t.state > 1 THEN v_now END
          FROM unnest(p_attempts) AS t
         WHERE d.bucket = t.bucket AND d.account_key = t.account_key AND d.endpoint_id = t.endpoint_id
           AND d.event_no = t.event_no AND d.state < 2 AND d.attempts = t.attempts
        RETURNING t
    )
    SELECT array_agg(n.t) INTO v_noted FROM noted AS n;

    UPDATE creditgate.delivery_queues AS q
       SET next_at = v_now + coalesce(t.wait_seconds, 0) * interval '1 second'
      FROM unnest(v_noted) AS t
     WHERE q.bucket = t.bucket AND q.account_key = t.account_key AND q.endpoint_id = t.endpoint_id;
    DELETE FROM creditgate.delivery_queues AS q
     USING unnest(v_noted) AS t
     WHERE q.bucket = t.bucket AND q.account_key = t.account_key AND q.endpoint_id = t.endpoint_id AND t.state > 1
       AND NOT EXISTS (
           SELECT FROM creditgate.deliveries AS d
            WHERE d.bucket = q.bucket AND d.account_key = q.account_key AND d.endpoint_id = q.endpoint_id
              AND d.state = 1);
    UPDATE creditgate.endpoints AS x SET state = 2
      FROM unnest(v_noted) AS t
      JOIN creditgate.deliveries AS d
        ON d.bucket = t.bucket AND d.account_key = t.account_key AND d.endpoint_id = t.endpoint_id
       AND d.event_no = t.event_no
     WHERE t.disable AND x.tenant_id = d.tenant_id AND x.endpoint_id = d.endpoint_id AND x.state = 1;
END $$;

-- Remove deliveries of a bucket that ended before a time, some at once. Answers how many.
CREATE OR REPLACE FUNCTION creditgate.forget_deliveries(p_bucket smallint, p_age_seconds double precision, p_limit integer)
RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    v_before timestamptz := creditgate.clock() - p_age_seconds * interval '1 second';
    v_count integer;
BEGIN
    DELETE FROM creditgate.deliveries AS d
     USING (SELECT o.account_key, o.endpoint_id, o.event_no FROM creditgate.deliveries AS o
             WHERE o.bucket = p_bucket AND o.state IN (2, 3) AND o.ended_at < v_before LIMIT p_limit) AS old
     WHERE d.bucket = p_bucket AND d.account_key = old.account_key AND d.endpoint_id = old.endpoint_id
       AND d.event_no = old.event_no AND d.state > 1;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    RETURN v_count;
END $$;

-- What waits in a bucket, for how long the oldest of it has, and what nobody took.
CREATE OR REPLACE FUNCTION creditgate.delivery_backlog(
    p_bucket smallint, OUT p_pending bigint, OUT p_oldest_seconds double precision, OUT p_dead bigint)
LANGUAGE plpgsql AS $$
BEGIN
    SELECT count(*), coalesce(greatest(extract(epoch FROM creditgate.clock() - min(d.created_at)), 0), 0)
      INTO p_pending, p_oldest_seconds
      FROM creditgate.deliveries AS d WHERE d.bucket = p_bucket AND d.state = 1;
    SELECT count(*) INTO p_dead FROM creditgate.deliveries AS d WHERE d.bucket = p_bucket AND d.state = 3;
END $$;
