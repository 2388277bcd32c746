-- Whether an archived entry is of a hold with later ones than a version. What of a hold was when is told by all of it, so
-- that it leaves the archive as it came: with its last entry.
CREATE OR REPLACE FUNCTION creditgate.goes_on(p_entry creditgate.archived_entries, p_through bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN p_entry.hold_id IS NOT NULL AND EXISTS (
        SELECT FROM creditgate.archived_entries AS n
         WHERE n.bucket = p_entry.bucket AND n.account_key = p_entry.account_key AND n.hold_id = p_entry.hold_id
           AND n.version > p_through);
END $$;

-- Carry what charges have spent that leave the archive, up to a version, on counters whose periods still count them.
CREATE OR REPLACE FUNCTION creditgate.carry_spent(
    p_bucket smallint, p_account_key uuid, p_through bigint, p_last bigint)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO creditgate.emptied_spent AS m
    SELECT p_bucket, p_account_key, k.counter_no, k.since_version, -sum(e.amount_micros)
      FROM creditgate.archived_entries AS e
      JOIN creditgate.archived_holds AS h
        ON h.bucket = e.bucket AND h.account_key = e.account_key AND h.hold_id = e.hold_id
     CROSS JOIN unnest(h.counters) AS u (counter_no)
      JOIN creditgate.budget_counters AS k
        ON k.bucket = h.bucket AND k.account_key = h.account_key AND k.counter_no = u.counter_no
     WHERE e.bucket = p_bucket AND e.account_key = p_account_key AND e.version <= p_through AND e.kind = 2
       AND e.version > k.since_version AND NOT creditgate.goes_on(e, p_last)
     GROUP BY k.counter_no, k.since_version
    ON CONFLICT (bucket, account_key, counter_no) DO UPDATE
       SET since_version = excluded.since_version,
           spent_micros = excluded.spent_micros
               + CASE m.since_version WHEN excluded.since_version THEN m.spent_micros ELSE 0 END;
END $$;

-- Carry what holds have cost that leave the archive in the sessions they were of. The names of holds say which these are:
-- see credit_hold_id and message_hold_id.
CREATE OR REPLACE FUNCTION creditgate.carry_sessions(p_holds creditgate.archived_holds[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO creditgate.emptied_sessions AS x
    SELECT o.bucket, o.account_key, o.conversation_id, o.session,
           coalesce(sum(o.micros) FILTER (WHERE NOT o.is_message), 0),
           count(*) FILTER (WHERE NOT o.is_message AND o.is_used),
           coalesce(sum(o.micros) FILTER (WHERE o.is_message), 0)
      FROM (SELECT h.bucket, h.account_key, n.conversation_id, h.charged_micros AS micros, h.used_micros > 0 AS is_used,
                   n.session = '' AS is_message,
                   CASE n.session WHEN '' THEN (
                       SELECT m.session FROM creditgate.messages AS m
                        WHERE m.bucket = h.bucket AND m.account_key = h.account_key
                          AND m.conversation_id = n.conversation_id COLLATE "C" AND m.message_id = n.place COLLATE "C")
                   ELSE n.session::integer END AS session
              FROM unnest(p_holds) AS h,
                   LATERAL (SELECT split_part(h.hold_id, '#', 1) AS conversation_id,
                                   split_part(h.hold_id, '#', 2) AS session, split_part(h.hold_id, '#', 3) AS place) AS n
             WHERE strpos(h.hold_id, '#') > 0) AS o
     GROUP BY o.bucket, o.account_key, o.conversation_id, o.session
    ON CONFLICT (bucket, account_key, conversation_id, session) DO UPDATE
       SET session_micros = x.session_micros + excluded.session_micros,
           credits_used = x.credits_used + excluded.credits_used,
           messages_micros = x.messages_micros + excluded.messages_micros;
END $$;

-- Take entries of an account, which is locked, up to a version out of the archive, but for those of holds that go on after
-- p_last; answers how many.
CREATE OR REPLACE FUNCTION creditgate.empty_entries(
    p_bucket smallint, p_account_key uuid, p_through bigint, p_last bigint)
RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_count bigint;
    v_micros numeric;
    e creditgate.entries;
BEGIN
    SELECT * INTO e FROM creditgate.all_entries AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.version <= p_through
     ORDER BY s.version DESC, s.line DESC LIMIT 1;
    UPDATE creditgate.grants AS g SET begun = true
     WHERE g.bucket = p_bucket AND g.account_key = p_account_key AND NOT g.begun AND g.seq IN (
           SELECT s.grant_seqs[1] FROM creditgate.all_entries AS s
            WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.version <= p_through AND s.kind = 1);
    PERFORM creditgate.carry_spent(p_bucket, p_account_key, p_through, p_last);
    WITH gone AS (
        DELETE FROM creditgate.archived_entries AS s
         WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.version <= p_through
           AND NOT creditgate.goes_on(s, p_last)
        RETURNING s.amount_micros)
    SELECT count(*), sum(g.amount_micros) INTO v_count, v_micros FROM gone AS g;
    UPDATE creditgate.archives AS r
       SET entries = r.entries - v_count, amount_micros = r.amount_micros - v_micros,
           emptied_micros = r.emptied_micros + v_micros
     WHERE r.bucket = p_bucket AND r.account_key = p_account_key;
    -- What went on for longer may leave after others that are later.
    UPDATE creditgate.archives AS r
       SET emptied_version = p_through, emptied_settled_micros = e.settled_micros, emptied_at = e.created_at
     WHERE r.bucket = p_bucket AND r.account_key = p_account_key AND r.emptied_version < p_through;
    RETURN v_count;
END $$;

-- Take holds of an account, which is locked, that ended before an instant and have no entries in the archive any more out
-- of it, up to a limit, and keep their names; answers how many.
CREATE OR REPLACE FUNCTION creditgate.empty_holds(
    p_bucket smallint, p_account_key uuid, p_before timestamptz, p_limit bigint)
RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    v_holds creditgate.archived_holds[];
BEGIN
    v_holds := ARRAY(
        SELECT s FROM creditgate.archived_holds AS s
         WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.settled_at < p_before AND NOT EXISTS (
               SELECT FROM creditgate.archived_entries AS n
                WHERE n.bucket = p_bucket AND n.account_key = p_account_key AND n.hold_id = s.hold_id)
         LIMIT p_limit);
    PERFORM creditgate.carry_sessions(v_holds);
    INSERT INTO creditgate.archived_names
    SELECT p_bucket, p_account_key, creditgate.name_digest(h.hold_id) FROM unnest(v_holds) AS h
    ON CONFLICT DO NOTHING;
    DELETE FROM creditgate.archived_holds AS s USING unnest(v_holds) AS h
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.hold_id = h.hold_id;
    UPDATE creditgate.archives AS r SET holds = r.holds - cardinality(v_holds)
     WHERE r.bucket = p_bucket AND r.account_key = p_account_key;
    RETURN cardinality(v_holds);
END $$;

-- Take what is archived of an account and older than an instant out of the archive, up to about a limit, for good: first
-- entries that are in the sums of what was consumed, from the oldest on, then holds that have none there any more. Answers
-- how much it was, 0 once there is no more. Only the owner of the schema may.
CREATE OR REPLACE FUNCTION creditgate.empty_archive(
    p_bucket smallint, p_account_key uuid, p_before timestamptz, p_limit bigint)
RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    a creditgate.accounts;
    v_last bigint;
    v_through bigint;
BEGIN
    SELECT * INTO a FROM creditgate.accounts AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key FOR NO KEY UPDATE;
    v_last := creditgate.archivable_version(a, p_before);
    SELECT max(c.version) INTO v_through
      FROM (SELECT s.version FROM creditgate.archived_entries AS s
             WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.version <= v_last
               AND NOT creditgate.goes_on(s, v_last)
             ORDER BY s.version LIMIT p_limit) AS c;
    RETURN CASE WHEN v_through IS NULL THEN creditgate.empty_holds(p_bucket, p_account_key, p_before, p_limit)
                ELSE creditgate.empty_entries(p_bucket, p_account_key, v_through, v_last) END;
END $$;
REVOKE EXECUTE ON FUNCTION creditgate.empty_archive(smallint, uuid, timestamptz, bigint) FROM PUBLIC;
