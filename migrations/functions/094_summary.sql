-- The period a summary is of: a range where one is asked for, else the running cycle, else the calendar month. A range
-- counts what happened from `since` on and before `until`, NULL being no bound; it is shown to begin no earlier than the
-- account, and to end now where it has no end. Its days are those that have begun. What is consumed counts from `summed_since`
-- on: of a cycle whose beginning is not kept any more, but as sums over quarters of an hour, from the first whole one of them.
CREATE OR REPLACE FUNCTION creditgate.summary_period(
    p_account creditgate.accounts, p_now timestamptz, p_ranged boolean, p_start timestamptz, p_until timestamptz,
    p_last_ms bigint, OUT kind smallint, OUT starts_at timestamptz, OUT ends_at timestamptz, OUT since timestamptz,
    OUT summed_since timestamptz, OUT until timestamptz, OUT days_left integer, OUT first_day date, OUT last_day date)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_zone text := p_account.time_zone;
    v_instant constant interval := interval '1 microsecond';
    v_month date;
    v_through timestamptz;
    v_quarter timestamptz;
BEGIN
    IF p_ranged THEN
        kind := 3;
        since := coalesce(p_start, p_now - p_last_ms * interval '1 millisecond');
        until := p_until;
        starts_at := greatest(since, p_account.created_at);
        ends_at := greatest(coalesce(until, p_now), starts_at);
    ELSE
        kind := CASE WHEN p_account.cycle_ends_at IS NULL THEN 2 ELSE 1 END;
        v_month := date_trunc('month', p_now AT TIME ZONE v_zone);
        since := CASE kind
            WHEN 1 THEN p_account.cycle_starts_at ELSE creditgate.date_start(v_month, v_zone) END;
        until := CASE kind
            WHEN 1 THEN p_account.cycle_ends_at
            ELSE creditgate.date_start((v_month + interval '1 month')::date, v_zone) END;
        starts_at := since;
        ends_at := until;
    END IF;
    summed_since := since;
    v_quarter := date_bin('15 minutes', since, '2000-01-01+00');
    IF kind = 1 AND v_quarter < since AND EXISTS (
        SELECT FROM creditgate.archives AS r
         WHERE r.bucket = p_account.bucket AND r.account_key = p_account.account_key AND r.emptied_at >= since)
    THEN
        summed_since := v_quarter + interval '15 minutes';
        starts_at := summed_since;
    END IF;

    days_left := CASE
        WHEN ends_at <= p_now THEN 0
        ELSE ((ends_at - v_instant) AT TIME ZONE v_zone)::date - (p_now AT TIME ZONE v_zone)::date + 1 END;
    v_through := least(p_now, until - v_instant);
    IF v_through >= starts_at THEN
        first_day := (starts_at AT TIME ZONE v_zone)::date;
        last_day := (v_through AT TIME ZONE v_zone)::date;
    END IF;
END $$;

-- Whether a grant has ever been live. One that was revoked does not say so itself: what is due happens before an account
-- is charged, so the entry of its beginning, if there is one, comes before the first charge after that was due.
CREATE OR REPLACE FUNCTION creditgate.has_begun(p_grant creditgate.grants, p_version bigint) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_due_at timestamptz := greatest(p_grant.effective_at, p_grant.created_at);
    e record;
BEGIN
    IF p_grant.state <> 4 OR p_grant.repaid_micros > 0 OR p_grant.remaining_micros > 0 OR p_grant.begun THEN
        RETURN p_grant.state > 1;
    END IF;
    FOR e IN
        SELECT n.kind, n.grant_seqs, n.created_at FROM creditgate.all_entries AS n
         WHERE n.bucket = p_grant.bucket AND n.account_key = p_grant.account_key
           AND n.version > creditgate.last_version_before(
                   p_grant.bucket, p_grant.account_key, p_version, v_due_at)
         ORDER BY n.version, n.line
    LOOP
        IF e.kind = 1 AND e.grant_seqs = ARRAY[p_grant.seq] THEN
            RETURN true;
        END IF;
        EXIT WHEN e.kind = 2 AND e.created_at > v_due_at;
    END LOOP;
    RETURN false;
END $$;

-- What the unit after a quantity costs, for so many units as the rate has in its unit_size.
CREATE OR REPLACE FUNCTION creditgate.unit_price_after(p_rate creditgate.rate, p_quantity bigint) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(
        (SELECT t.price FROM unnest(p_rate.tier_from, p_rate.tier_prices_micros) WITH ORDINALITY AS t (beyond, price, place)
          WHERE t.beyond <= p_quantity ORDER BY t.place DESC LIMIT 1),
        p_rate.unit_price_micros, 0)
$$;
