-- Where the stretch of time begins that an instant lies in, by a zone's clock: the first instant from which on the clock shows
-- one hour, day or month; an hour also begins where the clock is set back or forward. Such changes, and the instant, lie on
-- quarters of an hour.
CREATE OR REPLACE FUNCTION creditgate.stretch_start(p_unit text, p_at timestamptz, p_zone text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    v_quarter constant interval := '15 minutes';
    v_cut timestamptz := date_trunc(p_unit, p_at, p_zone);
    v_shown timestamp := date_trunc(p_unit, p_at AT TIME ZONE p_zone);
    -- Days and months, which are long, begin where date_trunc says, or where one midnight comes twice, somewhat before.
    v_start timestamptz := CASE p_unit WHEN 'hour' THEN p_at ELSE v_cut END;
BEGIN
    WHILE date_trunc(p_unit, v_start - v_quarter, p_zone) = v_cut
          AND date_trunc(p_unit, (v_start - v_quarter) AT TIME ZONE p_zone) = v_shown LOOP
        v_start := v_start - v_quarter;
    END LOOP;
    RETURN v_start;
END $$;

-- Whether what is asked about an account's usage can be answered: what is not kept any more, having been archived and taken
-- out of the archive, is there as sums over quarters of an hour, and by what work names as sums over days of the time zone
-- they were made for. A range has to begin and end with these there. NULL is no bound.
CREATE OR REPLACE FUNCTION creditgate.keeps_usage(
    p_bucket smallint, p_account_key uuid, p_time_zone text, p_from timestamptz, p_until timestamptz, p_named boolean,
    p_hours boolean)
RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_emptied_at timestamptz;
    v_edge timestamptz;
    v_whole timestamptz;
BEGIN
    SELECT r.emptied_at INTO v_emptied_at FROM creditgate.archives AS r
     WHERE r.bucket = p_bucket AND r.account_key = p_account_key AND r.emptied_at IS NOT NULL;
    IF v_emptied_at IS NULL OR p_from > v_emptied_at THEN
        RETURN true;
    END IF;
    IF p_named AND (p_hours OR NOT EXISTS (
        SELECT FROM creditgate.usage_progress AS p
         WHERE p.bucket = p_bucket AND p.account_key = p_account_key AND p.time_zone = p_time_zone))
    THEN
        RETURN false;
    END IF;
    FOREACH v_edge IN ARRAY array_remove(ARRAY[p_from, p_until], NULL) LOOP
        v_whole := CASE
            WHEN p_named THEN creditgate.date_start((v_edge AT TIME ZONE p_time_zone)::date, p_time_zone)
            ELSE date_bin('15 minutes', v_edge, '2000-01-01+00') END;
        IF v_whole < v_edge AND v_whole <= v_emptied_at THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END $$;
