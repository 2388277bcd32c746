-- The value under which a budget counts a hold with these details; NULL when it does not count it.
CREATE OR REPLACE FUNCTION creditgate.counter_value(
    p_attribute text, p_value text, p_together boolean, p_details jsonb)
RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_carried text := p_details -> 'attributes' ->> p_attribute;
BEGIN
    RETURN CASE
        WHEN p_attribute = '' THEN ''
        WHEN v_carried <> p_value AND p_value <> '' THEN NULL
        WHEN v_carried IS NOT NULL AND p_together AND p_value = '' THEN ''
        ELSE v_carried
    END;
END $$;

-- A counter as it stands now: where its period has ended, nothing has been spent in the one that runs.
CREATE OR REPLACE FUNCTION creditgate.running(
    p_counter creditgate.budget_counters, p_account creditgate.accounts, p_now timestamptz)
RETURNS creditgate.budget_counters
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    k creditgate.budget_counters := p_counter;
BEGIN
    IF k.period_ends_at <= p_now THEN
        k.spent_micros := 0;
        k.since_version := p_account.version;
        k.period_ends_at := creditgate.period_end(p_account, k.period, p_now);
    END IF;
    RETURN k;
END $$;

-- The counters a batch may change: those its new holds would be on, and those its old holds are on.
CREATE OR REPLACE FUNCTION creditgate.open_counters(
    p_accounts creditgate.accounts[], p_operations creditgate.operation[], p_now timestamptz)
RETURNS creditgate.budget_counters[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    -- Each counter is looked up by a key of its own: joined, all counters of an account might be read for a few.
    RETURN ARRAY(
        SELECT creditgate.running(c.k, a, p_now)
        FROM unnest(p_accounts) AS a,
             LATERAL (
                 SELECT (SELECT k FROM creditgate.budget_counters AS k
                          WHERE k.bucket = a.bucket AND k.account_key = a.account_key
                            AND k.budget_no = n.budget_no AND k.budget_no > 0 AND k.value = n.value) AS k
                   FROM (SELECT DISTINCT b.budget_no,
                                creditgate.counter_value(b.attribute, b.value, b.together, o.details) AS value
                           FROM unnest(p_operations) AS o, unnest(a.budgets) AS b
                          WHERE o.bucket = a.bucket AND o.account_key = a.account_key AND o.verb IN (1, 5)) AS n
                 UNION
                 SELECT (SELECT k FROM creditgate.budget_counters AS k
                          WHERE k.bucket = a.bucket AND k.account_key = a.account_key AND k.counter_no = u.counter_no)
                   FROM unnest(p_operations) AS o,
                        unnest((SELECT h.counters FROM creditgate.holds AS h
                                 WHERE h.bucket = a.bucket AND h.account_key = a.account_key
                                   AND h.hold_id = o.hold_id)) AS u (counter_no)
                  WHERE o.bucket = a.bucket AND o.account_key = a.account_key) AS c
        WHERE a.budget_numbers > 0 AND (c.k).counter_no IS NOT NULL);
END $$;

-- The counters of a batch by what they count, and by their numbers: where one stands in these, it stands in p_counters.
CREATE OR REPLACE FUNCTION creditgate.name_counters(
    p_counters creditgate.budget_counters[], OUT p_values text[], OUT p_numbers text[])
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    SELECT coalesce(array_agg(k.account_key || '/' || k.budget_no || '/' || k.value ORDER BY k.ordinality), '{}'),
           coalesce(array_agg(k.account_key || '/' || k.counter_no ORDER BY k.ordinality), '{}')
      INTO p_values, p_numbers
      FROM unnest(p_counters) WITH ORDINALITY AS k;
END $$;

-- What an operation has at stake: of a new hold, in the budgets that count it, in the order of their names; of an old
-- one, in the counters it is on, without limits where their budgets are gone. p_values and p_numbers name the counters.
CREATE OR REPLACE FUNCTION creditgate.stakes(
    p_op creditgate.operation, p_account creditgate.accounts, p_hold creditgate.holds,
    p_counters creditgate.budget_counters[], p_values text[], p_numbers text[])
RETURNS creditgate.stake[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v creditgate.stake[] := '{}';
    b creditgate.budget;
    k creditgate.budget_counters;
    v_no integer;
    v_place integer;
    v_value text;
BEGIN
    IF p_hold.hold_id IS NOT NULL THEN
        FOREACH v_no IN ARRAY coalesce(p_hold.counters, '{}') LOOP
            v_place := array_position(p_numbers, p_account.account_key || '/' || v_no);
            k := p_counters[v_place];
            b := NULL;
            FOREACH b IN ARRAY coalesce(p_account.budgets, '{}') LOOP
                EXIT WHEN b.budget_no = k.budget_no
                    AND creditgate.counter_value(b.attribute, b.value, b.together, p_hold.details) = k.value;
                b := NULL;
            END LOOP;
            v := v || ROW(v_place, k.budget_no, k.value, k.period, b.budget_id,
                          b.spend_max_micros - k.spent_micros - k.held_micros, false)::creditgate.stake;
        END LOOP;
    ELSIF p_op.verb IN (1, 5) THEN
        FOREACH b IN ARRAY coalesce(p_account.budgets, '{}') LOOP
            v_value := creditgate.counter_value(b.attribute, b.value, b.together, p_op.details);
            CONTINUE WHEN v_value IS NULL;
            v_place := array_position(p_values, p_account.account_key || '/' || b.budget_no || '/' || v_value);
            k := p_counters[v_place];
            v := v || ROW(coalesce(v_place, 0), b.budget_no, v_value, b.period, b.budget_id,
                          b.spend_max_micros - coalesce(k.spent_micros, 0) - coalesce(k.held_micros, 0),
                          coalesce(coalesce(k.open_holds, 0) >= b.open_holds_max, false))::creditgate.stake;
        END LOOP;
    END IF;
    RETURN v;
END $$;

-- The limit of the first budget, by name, that has not got what is needed, or that lets no further hold be opened.
CREATE OR REPLACE FUNCTION creditgate.denied_by(
    p_stakes creditgate.stake[], p_needed_micros bigint, p_opens boolean)
RETURNS text
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    s creditgate.stake;
    v_first text;
BEGIN
    FOREACH s IN ARRAY p_stakes LOOP
        IF p_needed_micros > s.left_micros OR (p_opens AND s.is_full) THEN
            v_first := least(v_first, s.budget_id COLLATE "C");
        END IF;
    END LOOP;
    RETURN 'budget/' || v_first;
END $$;

-- The least that any of these budgets has left; NULL when none limits what is spent.
CREATE OR REPLACE FUNCTION creditgate.least_left(p_stakes creditgate.stake[]) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    s creditgate.stake;
    v_least bigint;
BEGIN
    FOREACH s IN ARRAY p_stakes LOOP
        v_least := least(v_least, s.left_micros);
    END LOOP;
    RETURN v_least;
END $$;

-- The counters of stakes, in their order, with the change of a hold as it was booked counted on them; one that is not
-- there yet is made. What is spent is not counted beyond the range of balances: no limit is as high.
CREATE OR REPLACE FUNCTION creditgate.count_change(
    INOUT p_booking creditgate.booking, OUT p_changed creditgate.budget_counters[], p_stakes creditgate.stake[],
    p_counters creditgate.budget_counters[], p_before creditgate.holds, p_collected_micros bigint, p_now timestamptz)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    a creditgate.accounts := p_booking.account;
    h creditgate.holds := p_booking.hold;
    k creditgate.budget_counters;
    s creditgate.stake;
BEGIN
    p_changed := '{}';
    FOREACH s IN ARRAY p_stakes LOOP
        IF s.place = 0 THEN
            a.budget_numbers := a.budget_numbers + 1;
            k := ROW(a.bucket, a.account_key, a.budget_numbers, s.budget_no, s.value, s.period, 0, 0, 0, 0,
                     creditgate.period_end(a, s.period, p_now))::creditgate.budget_counters;
        ELSE
            k := p_counters[s.place];
        END IF;
        k.spent_micros := least(k.spent_micros + p_collected_micros, 4000000000000000000);
        k.held_micros := k.held_micros + h.held_micros - coalesce(p_before.held_micros, 0);
        k.open_holds := k.open_holds + (h.state = 1)::int - coalesce(p_before.state = 1, false)::int;
        p_changed := p_changed || k;
        IF p_before.hold_id IS NULL THEN
            h.counters := h.counters || k.counter_no;
        END IF;
    END LOOP;
    p_booking := ROW(a, p_booking.purse, h, p_booking.entries)::creditgate.booking;
END $$;

-- Write counters as a set: only what changed.
CREATE OR REPLACE FUNCTION creditgate.write_counters(p_counters creditgate.budget_counters[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO creditgate.budget_counters AS k
    SELECT n.* FROM unnest(p_counters) AS n
    ON CONFLICT (bucket, account_key, counter_no) DO UPDATE
       SET spent_micros = excluded.spent_micros, held_micros = excluded.held_micros,
           open_holds = excluded.open_holds, since_version = excluded.since_version,
           period_ends_at = excluded.period_ends_at
     WHERE (k.spent_micros, k.held_micros, k.open_holds, k.period_ends_at)
        <> (excluded.spent_micros, excluded.held_micros, excluded.open_holds, excluded.period_ends_at);
END $$;

-- Take holds that have ended off the counters they were on, as a set.
CREATE OR REPLACE FUNCTION creditgate.uncount(p_holds creditgate.holds[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE creditgate.budget_counters AS k
       SET held_micros = k.held_micros - e.held, open_holds = k.open_holds - e.holds
      FROM (SELECT h.bucket, h.account_key, u.counter_no, sum(h.held_micros)::bigint AS held, count(*) AS holds
              FROM unnest(p_holds) AS h, unnest(h.counters) AS u (counter_no)
             GROUP BY h.bucket, h.account_key, u.counter_no) AS e
     WHERE k.bucket = e.bucket AND k.account_key = e.account_key AND k.counter_no = e.counter_no;
END $$;
