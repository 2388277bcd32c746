-- Whether a hold may go into the archive with its entries, those up to a version: it has ended, and all of it is old. What
-- was left behind when the archive was emptied, with entries up to p_after, stays where it is.
CREATE OR REPLACE FUNCTION creditgate.may_archive(
    p_hold creditgate.holds, p_before timestamptz, p_after bigint, p_through bigint)
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN p_hold.state <> 1 AND p_hold.settled_at < p_before AND NOT EXISTS (
        SELECT FROM creditgate.entries AS e
         WHERE e.bucket = p_hold.bucket AND e.account_key = p_hold.account_key AND e.hold_id = p_hold.hold_id
           AND (e.version <= p_after OR e.version > p_through));
END $$;

-- The version up to which what was archived of an account has been taken out of the archive; 0 where nothing has.
CREATE OR REPLACE FUNCTION creditgate.emptied_version(p_bucket smallint, p_account_key uuid) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN coalesce((SELECT r.emptied_version FROM creditgate.archives AS r
                      WHERE r.bucket = p_bucket AND r.account_key = p_account_key), 0);
END $$;

-- Note on an account, which is locked, what of it has been archived.
CREATE OR REPLACE FUNCTION creditgate.note_archived(
    p_bucket smallint, p_account_key uuid, p_holds bigint, p_entries bigint, p_micros numeric)
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO creditgate.archives AS r (bucket, account_key, entries, amount_micros, holds)
    VALUES (p_bucket, p_account_key, p_entries, p_micros, p_holds)
    ON CONFLICT (bucket, account_key) DO UPDATE
       SET entries = r.entries + excluded.entries, amount_micros = r.amount_micros + excluded.amount_micros,
           holds = r.holds + excluded.holds;
    UPDATE creditgate.accounts AS a SET has_archive = true
     WHERE a.bucket = p_bucket AND a.account_key = p_account_key AND NOT a.has_archive;
END $$;

-- Archive those of an account's holds after one of them, in the order of their names, that may be; looks at up to a limit.
-- p_last is the last it has looked at, NULL where it was the last there is. They are chosen before the account is locked,
-- and again when it is.
CREATE OR REPLACE FUNCTION creditgate.archive_holds(
    p_bucket smallint, p_account_key uuid, p_before timestamptz, p_through bigint, p_after text, p_limit bigint,
    OUT p_last text, OUT p_holds bigint, OUT p_entries bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_names text[];
    v_seen bigint;
    v_emptied bigint;
    v_micros numeric;
BEGIN
    p_holds := 0;
    p_entries := 0;
    SELECT count(*), max(c.hold_id), array_agg(c.hold_id) FILTER (WHERE c.fits) INTO v_seen, p_last, v_names
      FROM (SELECT h.hold_id, creditgate.may_archive(h, p_before, 0, p_through) AS fits
              FROM creditgate.holds AS h
             WHERE h.bucket = p_bucket AND h.account_key = p_account_key AND h.hold_id > p_after
             ORDER BY h.hold_id LIMIT p_limit) AS c;
    IF v_seen < p_limit THEN
        p_last := NULL;
    END IF;
    IF v_names IS NULL THEN
        RETURN;
    END IF;

    PERFORM FROM creditgate.accounts AS a
      WHERE a.bucket = p_bucket AND a.account_key = p_account_key FOR NO KEY UPDATE;
    v_emptied := creditgate.emptied_version(p_bucket, p_account_key);
    v_names := ARRAY(
        SELECT h.hold_id FROM creditgate.holds AS h
         WHERE h.bucket = p_bucket AND h.account_key = p_account_key AND h.hold_id = ANY (v_names)
           AND creditgate.may_archive(h, p_before, v_emptied, p_through));
    WITH gone AS (
        DELETE FROM creditgate.entries AS e
         WHERE e.bucket = p_bucket AND e.account_key = p_account_key AND e.hold_id = ANY (v_names)
        RETURNING e.*
    ), kept AS (
        INSERT INTO creditgate.archived_entries SELECT * FROM gone RETURNING amount_micros)
    SELECT count(*), coalesce(sum(k.amount_micros), 0) INTO p_entries, v_micros FROM kept AS k;
    WITH gone AS (
        DELETE FROM creditgate.holds AS h
         WHERE h.bucket = p_bucket AND h.account_key = p_account_key AND h.hold_id = ANY (v_names)
        RETURNING h.*
    ), kept AS (
        INSERT INTO creditgate.archived_holds SELECT * FROM gone RETURNING 1)
    SELECT count(*) INTO p_holds FROM kept;
    IF p_holds > 0 THEN
        PERFORM creditgate.note_archived(p_bucket, p_account_key, p_holds, p_entries, v_micros);
    END IF;
END $$;

-- Archive those of an account's entries after a version, and up to one, that are of no hold; looks at up to a limit. p_last
-- is the last version it has looked at, NULL where it was the last there is.
CREATE OR REPLACE FUNCTION creditgate.archive_entries(
    p_bucket smallint, p_account_key uuid, p_after bigint, p_through bigint, p_limit bigint,
    OUT p_last bigint, OUT p_entries bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_seen bigint;
    v_found boolean;
    v_emptied bigint;
    v_micros numeric;
BEGIN
    p_entries := 0;
    SELECT count(*), max(c.version), bool_or(c.hold_id IS NULL) INTO v_seen, p_last, v_found
      FROM (SELECT e.version, e.hold_id FROM creditgate.entries AS e
             WHERE e.bucket = p_bucket AND e.account_key = p_account_key AND e.version > p_after AND e.version <= p_through
             ORDER BY e.version, e.line LIMIT p_limit) AS c;
    IF v_found THEN
        PERFORM FROM creditgate.accounts AS a
          WHERE a.bucket = p_bucket AND a.account_key = p_account_key FOR NO KEY UPDATE;
        v_emptied := creditgate.emptied_version(p_bucket, p_account_key);
        WITH gone AS (
            DELETE FROM creditgate.entries AS e
             WHERE e.bucket = p_bucket AND e.account_key = p_account_key AND e.version > greatest(p_after, v_emptied)
               AND e.version <= p_last AND e.hold_id IS NULL
            RETURNING e.*
        ), kept AS (
            INSERT INTO creditgate.archived_entries SELECT * FROM gone RETURNING amount_micros)
        SELECT count(*), coalesce(sum(k.amount_micros), 0) INTO p_entries, v_micros FROM kept AS k;
        IF p_entries > 0 THEN
            PERFORM creditgate.note_archived(p_bucket, p_account_key, 0, p_entries, v_micros);
        END IF;
    END IF;
    IF v_seen < p_limit THEN
        p_last := NULL;
    END IF;
END $$;

-- The last version of an account up to which everything is from before an instant, and in the sums of what was consumed.
CREATE OR REPLACE FUNCTION creditgate.archivable_version(p_account creditgate.accounts, p_before timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN least(
        creditgate.last_version_before(p_account.bucket, p_account.account_key, p_account.version, p_before),
        coalesce((SELECT u.version FROM creditgate.usage_progress AS u
                   WHERE u.bucket = p_account.bucket AND u.account_key = p_account.account_key), 0));
END $$;

-- Go on with an account: first through its holds, by name, then through its entries, by version. NULL for both where there
-- is no more of it. A hundred rows a time, so that nobody waits for the account for long.
CREATE OR REPLACE FUNCTION creditgate.archive_account(
    p_account creditgate.accounts, p_before timestamptz, p_limit bigint, INOUT p_hold_id text, INOUT p_version bigint,
    OUT p_holds bigint, OUT p_entries bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_through bigint;
    v_step record;
BEGIN
    IF creditgate.archivable_version(p_account, p_before) < creditgate.last_version_before(
            p_account.bucket, p_account.account_key, p_account.version, p_before)
    THEN
        -- Whoever has few changes is not summed up for their sake, but is before they move.
        PERFORM creditgate.roll_up(p_account.bucket, p_account.account_key, p_limit);
    END IF;
    v_through := creditgate.archivable_version(p_account, p_before);
    IF p_version IS NULL THEN
        SELECT * INTO v_step FROM creditgate.archive_holds(
            p_account.bucket, p_account.account_key, p_before, v_through, p_hold_id, p_limit);
        p_holds := v_step.p_holds;
        p_hold_id := v_step.p_last;
        p_version := CASE WHEN p_hold_id IS NULL THEN 0 END;
    ELSE
        SELECT * INTO v_step FROM creditgate.archive_entries(
            p_account.bucket, p_account.account_key, p_version, v_through, p_limit);
        p_holds := 0;
        p_hold_id := NULL;
        p_version := v_step.p_last;
    END IF;
    p_entries := v_step.p_entries;
END $$;

-- Archive some of what ended more than so many days ago in a bucket, going through its accounts once a day. Any number of
-- workers may: where one is at a bucket, others pass it over. p_more says that the round is not at its end.
CREATE OR REPLACE FUNCTION creditgate.archive(
    p_bucket smallint, p_days integer, p_limit bigint, OUT p_holds bigint, OUT p_entries bigint, OUT p_more boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_now timestamptz := creditgate.clock();
    v_before timestamptz := v_now - p_days * interval '1 day';
    r creditgate.archive_rounds;
    a creditgate.accounts;
    v_step record;
BEGIN
    IF p_days < 90 THEN
        RAISE EXCEPTION 'what is younger than 90 days is not archived' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    p_holds := 0;
    p_entries := 0;
    p_more := false;
    SELECT * INTO r FROM creditgate.archive_rounds AS s WHERE s.bucket = p_bucket FOR UPDATE SKIP LOCKED;
    IF r.bucket IS NULL OR (r.account_key IS NULL AND r.began_at > v_now - interval '1 day') THEN
        RETURN;
    END IF;

    IF r.account_key IS NULL THEN
        r := ROW(p_bucket, v_now, '00000000-0000-0000-0000-000000000000', '', NULL);
    END IF;
    SELECT * INTO a FROM creditgate.accounts AS s
     WHERE s.bucket = p_bucket AND s.account_key >= r.account_key AND s.created_at < v_before
     ORDER BY s.account_key LIMIT 1;
    IF a.account_key > r.account_key THEN
        r.hold_id := '';
        r.version := NULL;
    END IF;
    r.account_key := a.account_key;
    IF a.account_key IS NOT NULL THEN
        SELECT * INTO v_step FROM creditgate.archive_account(a, v_before, p_limit, r.hold_id, r.version);
        p_holds := v_step.p_holds;
        p_entries := v_step.p_entries;
        r.hold_id := v_step.p_hold_id;
        r.version := v_step.p_version;
        IF num_nonnulls(r.hold_id, r.version) = 0 THEN
            -- What one account has left for the next day may come again before others have had their turn.
            SELECT s.account_key INTO r.account_key FROM creditgate.accounts AS s
             WHERE s.bucket = p_bucket AND s.account_key > a.account_key AND s.created_at < v_before
             ORDER BY s.account_key LIMIT 1;
        END IF;
    END IF;
    p_more := r.account_key IS NOT NULL;
    UPDATE creditgate.archive_rounds AS s
       SET began_at = r.began_at, account_key = r.account_key, hold_id = coalesce(r.hold_id, ''), version = r.version
     WHERE s.bucket = p_bucket;
END $$;
REVOKE EXECUTE ON FUNCTION creditgate.archive(smallint, integer, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION creditgate.archive(smallint, integer, bigint) TO creditgate_server;
