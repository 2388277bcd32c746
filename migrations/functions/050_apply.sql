-- Carry out a batch of operations in one transaction: lock the accounts and read what the batch names, decide each
-- operation in memory in order, write the results as sets. A constant number of statements whatever the batch size;
-- two operations on the same hold see each other. Business answers are rows, never errors: one caller's denial does
-- not concern its neighbours. The caller's session keeps plans and takes them by the keys (`postgres/pool.py`).
-- Quantities come beside the operations they belong to, in their order, several where an operation speaks of several
-- meters, and are priced before they are decided.
-- p_together has the places of operations that go with the one before them: both are carried out, or neither is. Where
-- the second is denied or refused, the first is as if it had never been, whatever it was answered. One that depends on
-- the one before it likewise, but for denials: these are answers, and leave the first as it is.
CREATE OR REPLACE FUNCTION creditgate.apply(
    p_operations creditgate.operation[], p_usages creditgate.metered[], p_together bigint[] DEFAULT NULL)
RETURNS SETOF creditgate.result
LANGUAGE plpgsql AS $$
DECLARE
    v_now      timestamptz;
    v_accounts creditgate.accounts[];
    v_keys     uuid[] := '{}';
    v_behind   boolean[] := '{}';
    v_purses   creditgate.purse[];
    v_holds    creditgate.holds[] := '{}';
    v_entries  creditgate.entries[] := '{}';
    v_events   creditgate.events[] := '{}';
    v_told     creditgate.events[];
    v_places   integer[] := '{}';
    v_counted  boolean := false;
    v_counters creditgate.budget_counters[] := '{}';
    v_values   text[];
    v_numbers  text[];
    v_stakes   creditgate.stake[];
    k          creditgate.budget_counters;
    v_place    integer;
    c          record;
    v_account  creditgate.accounts;
    v_hold     creditgate.holds;
    v          creditgate.verdict;
    b          creditgate.booking;
    v_retry_at timestamptz;
    v_metered  boolean := cardinality(p_usages) > 0;
    v_needs    creditgate.operation[];
    v_rates    creditgate.rate[];
    v_usage_no integer := 1;
    v_first_no integer;
    v_usage    creditgate.metered;
    v_rate     creditgate.rate;
    v_lines    creditgate.line[];
    v_refused  smallint;
    v_unpriced integer;
    v_call     boolean;
    v_quota    creditgate.quota;
    v_answer   creditgate.result;
    -- Whether there are operations that go with, or depend on, the one before them.
    v_paired   boolean := coalesce(cardinality(p_together) > 0, false);
    v_archived boolean := false;
    -- The names that were used by holds of which nothing is left; NULL where no account has an archive.
    v_forgotten text[];
    v_together boolean;
    v_first    smallint;
    was        record;
    m          record;
    r          record;
BEGIN
    -- Lock each account once, in the order of the keys, so that no two batches wait for each other.
    v_accounts := ARRAY(
        SELECT a
        FROM (SELECT DISTINCT o.bucket, o.account_key FROM unnest(p_operations) AS o) AS named
        JOIN creditgate.accounts AS a USING (bucket, account_key)
        ORDER BY a.bucket, a.account_key
        FOR NO KEY UPDATE OF a);
    v_now := creditgate.clock();

    -- What time alone has changed comes first; an account with nothing due pays this comparison.
    FOR i IN 1 .. cardinality(v_accounts) LOOP
        v_keys[i] := v_accounts[i].account_key;
        IF v_accounts[i].due_at <= v_now THEN
            v_needs := coalesce(v_needs, creditgate.needing_all(p_operations, p_usages));
            v_accounts[i] := creditgate.advance_for(v_accounts[i], v_now, v_needs);
            v_behind[i] := creditgate.is_behind(v_accounts[i], v_now, v_needs);
        END IF;
        v_counted := v_counted OR v_accounts[i].budget_numbers > 0;
        v_archived := v_archived OR v_accounts[i].has_archive;
    END LOOP;
    IF v_archived THEN
        v_forgotten := creditgate.restore_holds(p_operations);
    END IF;
    IF v_counted THEN
        v_counters := creditgate.open_counters(v_accounts, p_operations, v_now);
        SELECT * INTO v_values, v_numbers FROM creditgate.name_counters(v_counters);
    END IF;

    IF v_metered THEN
        v_rates := creditgate.find_rates(v_accounts, v_keys, p_operations, p_usages);
        FOREACH v_usage IN ARRAY p_usages LOOP
            v_paired := v_paired OR v_usage.depends;
        END LOOP;
    END IF;

    FOR r IN
        SELECT o.op, o.ordinal, array_position(v_keys, (o.op).account_key) AS account_no,
               (SELECT h FROM creditgate.holds AS h
                 WHERE h.bucket = (o.op).bucket AND h.account_key = (o.op).account_key
                   AND h.hold_id = (o.op).hold_id) AS hold,
               dense_rank() OVER (ORDER BY (o.op).account_key, (o.op).hold_id) AS hold_no
        FROM (SELECT u AS op, row_number() OVER () AS ordinal FROM unnest(p_operations) AS u) AS o
        ORDER BY o.ordinal
    LOOP
        v_retry_at := NULL;
        IF v_metered THEN
            v_usage := NULL;
            v_rate := NULL;
            v_lines := NULL;
            v_refused := NULL;
            v_unpriced := NULL;
            v_first_no := v_usage_no;
            WHILE (p_usages[v_usage_no]).ordinal = r.ordinal LOOP
                v_usage_no := v_usage_no + 1;
            END LOOP;
            IF v_usage_no > v_first_no THEN
                v_usage := p_usages[v_first_no];
                v_rate := v_rates[v_first_no];
            END IF;
        END IF;
        IF r.account_no IS NULL THEN
            v := ROW(20, 0, 0, false, 0, 0, NULL, NULL)::creditgate.verdict;
            RETURN NEXT creditgate.answer(r.ordinal, v, NULL, v_now, NULL, NULL);
            CONTINUE;
        END IF;
        IF v_behind[r.account_no] THEN
            -- Undecided: what this call could end has ended, and the caller has to call again.
            v := ROW(0, 0, 0, false, 0, 0, NULL, NULL)::creditgate.verdict;
            RETURN NEXT creditgate.answer(r.ordinal, v, NULL, v_now, NULL, NULL);
            CONTINUE;
        END IF;
        IF v_paired THEN
            v_together := coalesce(r.ordinal = ANY (p_together), false);
            IF (v_together AND v_first NOT IN (1, 10)) OR (v_usage.depends AND v_first >= 20) THEN
                v := ROW(v_first, 0, 0, false, 0, 0, NULL, NULL)::creditgate.verdict;
                RETURN NEXT creditgate.answer(r.ordinal, v, NULL, v_now, NULL, NULL);
                CONTINUE;
            ELSIF r.ordinal + 1 = ANY (p_together)
                    OR ((p_usages[v_usage_no]).depends AND (p_usages[v_usage_no]).ordinal = r.ordinal + 1) THEN
                SELECT v_accounts AS accounts, v_purses AS purses, v_holds AS holds, v_places AS places,
                       v_entries AS entries, v_events AS events, v_counters AS counters, v_values AS names,
                       v_numbers AS numbers
                  INTO was;
            END IF;
        END IF;
        v_account := v_accounts[r.account_no];
        v_hold := r.hold;
        IF v_places[r.hold_no] > 0 THEN
            v_hold := v_holds[v_places[r.hold_no]];
        END IF;

        v_call := v_usage.gateway_key IS NOT NULL OR v_hold.gateway_key IS NOT NULL;
        IF v_call THEN
            SELECT * INTO m FROM creditgate.cap_call(r.op, v_usage, v_account, v_hold);
            r.op := m.p_op;
            v_usage := m.p_usage;
        END IF;
        -- What was decided is answered again, whether or not the price it had is still promised.
        IF v_usage.pinned_until <= v_now AND v_hold.hold_id IS NULL THEN
            v_refused := 45;
        -- A Reserve of several meters says that none of them is used yet; what follows it names its meters.
        ELSIF v_usage.meter IS NOT NULL AND (v_usage.used_quantity IS NOT NULL OR (r.op).verb IN (2, 3)) THEN
            SELECT * INTO m FROM creditgate.price_lines(
                r.op, p_usages[v_first_no : v_usage_no - 1], v_rates[v_first_no : v_usage_no - 1], v_hold);
            r.op := m.p_op;
            v_rate := NULL;
            v_lines := m.p_lines;
            v_refused := m.p_refused;
            v_unpriced := m.p_unpriced;
        ELSIF num_nonnulls(v_usage.quantity, v_usage.used_quantity) > 0 THEN
            m := creditgate.price_operation(r.op, v_usage, v_rate, v_hold);
            r.op := m.p_op;
            v_rate := m.p_rate;
            v_refused := m.p_refused;
        END IF;
        IF v_forgotten IS NOT NULL THEN
            v_refused := CASE
                WHEN v_hold.hold_id IS NULL AND (r.op).account_key || '/' || (r.op).hold_id = ANY (v_forgotten) THEN 46
                WHEN v_metered THEN v_refused END;
        END IF;
        v_stakes := NULL;
        IF v_account.budget_numbers > 0 THEN
            v_stakes := creditgate.stakes(r.op, v_account, v_hold, v_counters, v_values, v_numbers);
        END IF;
        v := CASE coalesce(-v_refused, (r.op).verb)
            WHEN 1 THEN creditgate.decide_reserve(r.op, v_account, v_hold, v_now, v_stakes, v_rate)
            WHEN 2 THEN creditgate.decide_extend(r.op, v_account, v_hold, v_now, v_stakes)
            WHEN 3 THEN creditgate.decide_commit(r.op, v_account, v_hold, v_now)
            WHEN 4 THEN creditgate.decide_release(r.op, v_account, v_hold, v_now)
            WHEN 5 THEN creditgate.decide_charge(r.op, v_account, v_hold, v_now, v_stakes)
            ELSE ROW(v_refused, 0, 0, false, 0, 0, NULL, NULL)::creditgate.verdict
        END;
        -- A new hold has its rate from the function that made it.
        IF v_rate.meter IS NOT NULL AND ((r.op).verb <> 1 OR v_hold.hold_id IS NOT NULL) THEN
            v := creditgate.keep_usage(v, r.op, v_usage, v_rate, v_hold);
        ELSIF v_lines IS NOT NULL THEN
            v := creditgate.keep_lines(v, r.op, v_lines, v_hold);
        END IF;

        IF v_call AND v.outcome <= 2 AND v_hold.hold_id IS NULL THEN
            v.hold := creditgate.keep_gateway(v.hold, v_usage);
        END IF;

        IF v_paired THEN
            IF (v_together AND v.outcome NOT IN (1, 10)) OR (v_usage.depends AND v.outcome >= 20) THEN
                -- What the one before it has changed is as if it had never been.
                v_accounts := was.accounts;
                v_purses := was.purses;
                v_holds := was.holds;
                v_places := was.places;
                v_entries := was.entries;
                v_events := was.events;
                v_counters := was.counters;
                v_values := was.names;
                v_numbers := was.numbers;
                v_account := v_accounts[r.account_no];
            END IF;
            v_first := v.outcome;
        END IF;
        IF v.outcome < 20 AND v.hold IS DISTINCT FROM v_hold THEN
            -- The first that draws from grants, or lets go of ended ones, has the batch's purses opened.
            IF v_purses IS NULL AND (v.collected_micros > 0 OR v_hold.carried_micros > 0) THEN
                v_purses := creditgate.open_purses(v_accounts);
            END IF;
            b := creditgate.book(v_account, v_purses[r.account_no], v_hold, v.hold, v.collected_micros, v_now);
            IF v_stakes IS NOT NULL THEN
                SELECT * INTO c FROM creditgate.count_change(
                    b, v_stakes, v_counters, v_hold, v.collected_micros, v_now);
                b := c.p_booking;
                FOR i IN 1 .. cardinality(v_stakes) LOOP
                    k := c.p_changed[i];
                    v_place := v_stakes[i].place;
                    IF v_place = 0 THEN
                        v_place := cardinality(v_values) + 1;
                        v_values[v_place] := k.account_key || '/' || k.budget_no || '/' || k.value;
                        v_numbers[v_place] := k.account_key || '/' || k.counter_no;
                    END IF;
                    v_counters[v_place] := k;
                END LOOP;
            END IF;
            IF cardinality(b.entries) > 0 THEN
                v_purses[r.account_no] := b.purse;
                v_entries := v_entries || b.entries;
            END IF;
            v_told := NULL;
            -- Who stays above the highest threshold, and above zero, pays this comparison.
            IF v_hold.state = 4 OR (cardinality(b.entries) > 0 AND
                    (b.account).settled_micros <= greatest((b.account).thresholds_micros[1], 0)) THEN
                v_told := creditgate.booking_events(v_account, b.account, v_hold, b.hold, v_now);
                v_events := v_events || v_told;
            END IF;
            v_account := b.account;
            v_account.event_count := v_account.event_count + coalesce(cardinality(v_told), 0);
            IF cardinality(b.entries) > 0 AND v_account.settled_micros <= v_account.topup_at_micros THEN
                SELECT * INTO c FROM creditgate.consider_topup(v_account, v_now);
                v_account := c.p_account;
                IF (c.p_event).kind IS NOT NULL THEN
                    v_events := v_events || c.p_event;
                END IF;
            END IF;
            v_accounts[r.account_no] := v_account;
            v.hold := b.hold;
            v_places[r.hold_no] := coalesce(v_places[r.hold_no], cardinality(v_holds) + 1);
            v_holds[v_places[r.hold_no]] := b.hold;
        END IF;
        IF v_call AND v.outcome >= 10 THEN
            v_quota := NULL;
        ELSIF v_call THEN
            IF v_account.budget_numbers > 0 THEN
                v_stakes := creditgate.stakes(r.op, v_account, v.hold, v_counters, v_values, v_numbers);
            END IF;
            v_quota := creditgate.call_quota(v_account, v, v_rate, v_stakes, v_now);
            v_hold := creditgate.with_exposure(v.hold, v_quota);
            IF v_hold.offline_micros IS DISTINCT FROM (v.hold).offline_micros THEN
                v.hold := v_hold;
                v_places[r.hold_no] := coalesce(v_places[r.hold_no], cardinality(v_holds) + 1);
                v_holds[v_places[r.hold_no]] := v_hold;
            END IF;
        END IF;
        IF v.outcome = 4 AND NOT v.replayed THEN
            v_retry_at := creditgate.first_end(v_account, (r.op).hold_id, v_holds);
        END IF;
        IF v_unpriced IS NULL AND NOT v_call THEN
            RETURN NEXT creditgate.answer(r.ordinal, v, v_account, v_now, v_retry_at,
                CASE WHEN v_rate.meter IS NOT NULL THEN creditgate.reach(v.hold, v_account, v_rate) END);
        ELSE
            v_answer := creditgate.answer(r.ordinal, v, v_account, v_now, v_retry_at,
                CASE WHEN v_rate.meter IS NOT NULL THEN creditgate.reach(v.hold, v_account, v_rate) END);
            v_answer.unpriced_row := v_unpriced;
            IF v_call THEN
                v_answer.quota := v_quota;
            END IF;
            RETURN NEXT v_answer;
        END IF;
    END LOOP;

    PERFORM creditgate.write_accounts(v_accounts);
    PERFORM creditgate.write_holds(v_holds);
    IF v_counted THEN
        PERFORM creditgate.write_counters(v_counters);
    END IF;
    IF cardinality(v_events) > 0 THEN
        PERFORM creditgate.write_events(v_events);
    END IF;
    IF cardinality(v_entries) > 0 THEN
        PERFORM creditgate.write_entries(v_entries);
        PERFORM creditgate.close_purses(v_purses);
    END IF;
END $$;

-- As servers of the version before call it, which know one meter for each operation.
CREATE OR REPLACE FUNCTION creditgate.apply(p_operations creditgate.operation[], p_usages creditgate.usage[])
RETURNS SETOF creditgate.result
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT * FROM creditgate.apply(p_operations, ARRAY(
        SELECT ROW(u.ordinal, u.meter, u.model, u.quantity, u.used_quantity, NULL, NULL, NULL, NULL, NULL, NULL, NULL)
            ::creditgate.metered
          FROM unnest(p_usages) WITH ORDINALITY AS u
         ORDER BY u.ordinality));
END $$;

-- As servers before that one call it, which know no quantities.
CREATE OR REPLACE FUNCTION creditgate.apply(p_operations creditgate.operation[]) RETURNS SETOF creditgate.result
LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY SELECT * FROM creditgate.apply(p_operations, ARRAY[]::creditgate.metered[]);
END $$;
