-- When cycle p_no of an account begins: so many units after the anchor, counted on the calendar and the clock of its
-- time zone. Always from the anchor: 31 January, 28 February, 31 March. An hour that summer time skips or repeats is
-- read as PostgreSQL reads it.
CREATE OR REPLACE FUNCTION creditgate.cycle_start(
    p_anchor_at timestamptz, p_time_zone text, p_unit smallint, p_no integer)
RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT ((p_anchor_at AT TIME ZONE p_time_zone)
            + p_no * (ARRAY['1 day', '7 days', '1 month', '1 year']::interval[])[p_unit]) AT TIME ZONE p_time_zone
$$;

-- The number of the cycle an instant lies in; a cycle includes its beginning. Negative before the anchor.
CREATE OR REPLACE FUNCTION creditgate.cycle_at(
    p_anchor_at timestamptz, p_time_zone text, p_unit smallint, p_at timestamptz)
RETURNS integer
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_no integer := trunc(extract(epoch FROM p_at - p_anchor_at)
        / (ARRAY[86400, 604800, 2629746, 31556952])[p_unit]);
BEGIN
    -- The estimate by mean lengths is off by one at most; calendars do the rest.
    WHILE creditgate.cycle_start(p_anchor_at, p_time_zone, p_unit, v_no) > p_at LOOP
        v_no := v_no - 1;
    END LOOP;
    WHILE creditgate.cycle_start(p_anchor_at, p_time_zone, p_unit, v_no + 1) <= p_at LOOP
        v_no := v_no + 1;
    END LOOP;
    RETURN v_no;
END $$;
