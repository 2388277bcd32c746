-- The last version of an account, up to one, with an entry from before an instant; where there is none, the one up to which
-- the archive was emptied, which is mostly 0. Times of entries
-- grow with their versions, as each is the clock's under the account's lock, so the instant is looked for as in a sorted
-- list: in about 20 looks at the primary key among a million entries, however long ago it is.
CREATE OR REPLACE FUNCTION creditgate.last_version_before(
    p_bucket smallint, p_account_key uuid, p_through bigint, p_at timestamptz)
RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_low bigint := creditgate.emptied_version(p_bucket, p_account_key);
    v_high bigint := p_through;
    v_middle bigint;
    v_version bigint;
    v_created_at timestamptz;
BEGIN
    -- Versions up to v_low are from before the instant, entries beyond v_high are not. Not every version has entries.
    WHILE v_low < v_high LOOP
        v_middle := (v_low + v_high) / 2;
        SELECT e.version, e.created_at INTO v_version, v_created_at
          FROM creditgate.all_entries AS e
         WHERE e.bucket = p_bucket AND e.account_key = p_account_key AND e.version > v_middle AND e.version <= v_high
         ORDER BY e.version, e.line LIMIT 1;
        IF v_created_at < p_at THEN
            v_low := v_version;
        ELSE
            v_high := v_middle;
        END IF;
    END LOOP;
    RETURN v_low;
END $$;

-- The model that a hold's work is reported under: what its attributes say, else what its first meter is priced for; NULL
-- where that is any.
CREATE OR REPLACE FUNCTION creditgate.reported_model(
    p_details jsonb, p_rate creditgate.rate, p_lines creditgate.line[])
RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(p_details -> 'attributes' ->> 'model', nullif((p_rate).model, '*'),
                    nullif((p_lines[1]).model, ''), nullif(((p_lines[1]).rate).model, '*'))
$$;
