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
