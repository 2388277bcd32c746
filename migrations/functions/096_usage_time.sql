-- Where a stretch of time begins by a zone's clock: the first instant from which on the clock shows one hour, day or month,
-- and an hour also where the clock is set back or forward. p_cut is what date_trunc makes of p_first, an instant in the
-- stretch. They differ where an hour begins with such a change, off the hour, and where the clock shows one midnight twice.
-- Such changes, and p_first, lie on quarters of an hour.
CREATE OR REPLACE FUNCTION creditgate.stretch_start(
    p_unit text, p_cut timestamptz, p_first timestamptz, p_zone text)
RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    v_quarter constant interval := '15 minutes';
    v_start timestamptz := p_cut;
BEGIN
    WHILE v_start < p_first AND date_trunc(p_unit, v_start, p_zone) <> p_cut LOOP
        v_start := v_start + v_quarter;
    END LOOP;
    WHILE date_trunc(p_unit, v_start - v_quarter, p_zone) = p_cut LOOP
        v_start := v_start - v_quarter;
    END LOOP;
    RETURN v_start;
END $$;
