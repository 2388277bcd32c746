-- What a name of a hold is remembered by when nothing else of the hold is there.
CREATE OR REPLACE FUNCTION creditgate.name_digest(p_hold_id text) RETURNS uuid
LANGUAGE sql IMMUTABLE AS $$
    SELECT encode(substr(sha256(convert_to(p_hold_id, 'UTF8')), 1, 16), 'hex')::uuid
$$;

-- Bring an archived hold back with all its entries, for good, so that whoever uses its name finds it as it was left. False
-- where some of its entries are not in the archive any more, or it is not there.
CREATE OR REPLACE FUNCTION creditgate.restore_hold(p_bucket smallint, p_account_key uuid, p_hold_id text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    v_charged numeric;
    v_refunded numeric;
    v_entries bigint;
    h creditgate.archived_holds;
BEGIN
    PERFORM FROM creditgate.accounts AS a
      WHERE a.bucket = p_bucket AND a.account_key = p_account_key FOR NO KEY UPDATE;
    SELECT * INTO h FROM creditgate.archived_holds AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.hold_id = p_hold_id;
    SELECT count(*), coalesce(-sum(e.amount_micros) FILTER (WHERE e.kind = 2), 0),
           coalesce(sum(e.amount_micros) FILTER (WHERE e.kind = 3), 0)
      INTO v_entries, v_charged, v_refunded
      FROM creditgate.archived_entries AS e
     WHERE e.bucket = p_bucket AND e.account_key = p_account_key AND e.hold_id = p_hold_id;
    IF h.hold_id IS NULL OR h.charged_micros <> v_charged OR h.refunded_micros <> v_refunded THEN
        RETURN false;
    END IF;

    WITH gone AS (
        DELETE FROM creditgate.archived_entries AS e
         WHERE e.bucket = p_bucket AND e.account_key = p_account_key AND e.hold_id = p_hold_id
        RETURNING e.*)
    INSERT INTO creditgate.entries SELECT * FROM gone;
    WITH gone AS (
        DELETE FROM creditgate.archived_holds AS s
         WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.hold_id = p_hold_id
        RETURNING s.*)
    INSERT INTO creditgate.holds SELECT * FROM gone;
    UPDATE creditgate.archives AS r
       SET entries = r.entries - v_entries, amount_micros = r.amount_micros + v_charged - v_refunded, holds = r.holds - 1
     WHERE r.bucket = p_bucket AND r.account_key = p_account_key;
    RETURN true;
END $$;

-- Bring back what is archived of the holds a batch names, before it is decided. Answers the names that were used, but of
-- which nothing else is left, after their accounts. The accounts are locked.
CREATE OR REPLACE FUNCTION creditgate.restore_holds(p_operations creditgate.operation[]) RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    v_forgotten text[] := '{}';
    h record;
BEGIN
    FOR h IN
        SELECT DISTINCT s.bucket, s.account_key, s.hold_id
          FROM unnest(p_operations) AS o
          JOIN creditgate.archived_holds AS s
            ON s.bucket = o.bucket AND s.account_key = o.account_key AND s.hold_id = o.hold_id
         ORDER BY s.bucket, s.account_key, s.hold_id
    LOOP
        IF NOT creditgate.restore_hold(h.bucket, h.account_key, h.hold_id) THEN
            v_forgotten := v_forgotten || (h.account_key || '/' || h.hold_id);
        END IF;
    END LOOP;
    RETURN v_forgotten || ARRAY(
        SELECT o.account_key || '/' || o.hold_id
          FROM unnest(p_operations) AS o
          JOIN creditgate.archived_names AS n
            ON n.bucket = o.bucket AND n.account_key = o.account_key AND n.digest = creditgate.name_digest(o.hold_id));
END $$;
