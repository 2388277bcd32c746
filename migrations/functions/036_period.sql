-- When the day ends that an instant lies in, in a time zone: the first midnight after it. A midnight that summer time
-- skips is the instant of the skip; of two, the later counts, as for cycles.
CREATE OR REPLACE FUNCTION creditgate.day_end(p_time_zone text, p_at timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN d.midnight AT TIME ZONE p_time_zone > p_at THEN d.midnight AT TIME ZONE p_time_zone
                ELSE (d.midnight + interval '1 day') AT TIME ZONE p_time_zone END
      FROM (SELECT date_trunc('day', p_at AT TIME ZONE p_time_zone) AS midnight) AS d
$$;

-- When the period of a budget ends that an instant lies in: never, with the day, or with the account's running cycle.
CREATE OR REPLACE FUNCTION creditgate.period_end(
    p_account creditgate.accounts, p_period smallint, p_at timestamptz)
RETURNS timestamptz
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN CASE p_period
        WHEN 1 THEN 'infinity'
        WHEN 2 THEN creditgate.day_end(p_account.time_zone, p_at)
        ELSE coalesce(p_account.cycle_ends_at, 'infinity')
    END;
END $$;
