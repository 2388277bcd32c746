-- What a message and its session would cost together, as far as they ask for something: of what is not priced or out of
-- range, nothing.
CREATE OR REPLACE FUNCTION creditgate.price_turn(t creditgate.turn, a creditgate.accounts) RETURNS numeric
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_asked creditgate.metered[] := '{}';
    v_rates creditgate.rate[];
    v_total numeric := 0;
    v_op creditgate.operation;
    m creditgate.metered;
BEGIN
    v_op.account_key := a.account_key;
    FOREACH m IN ARRAY ARRAY[t.priced, t.metered] LOOP
        IF m.meter IS NOT NULL THEN
            m.ordinal := 1;
            v_asked := v_asked || m;
        END IF;
    END LOOP;
    v_rates := creditgate.find_rates(ARRAY[a], ARRAY[a.account_key], ARRAY[v_op], v_asked);
    FOR i IN 1 .. cardinality(v_asked) LOOP
        v_total := v_total + coalesce(creditgate.price(v_rates[i], v_asked[i].quantity), 0);
    END LOOP;
    RETURN v_total;
END $$;

-- The answer to an utterance, out of the results of its operations in their order: that of the first that was not carried
-- out, else all of them together. Credits are lacking for session and message as one: what a session has set aside for the
-- blink of an eye is not held by others.
CREATE OR REPLACE FUNCTION creditgate.reply_to(
    p_ordinal bigint, t creditgate.turn, c creditgate.context, p_results creditgate.result[], a creditgate.accounts,
    p_now timestamptz)
RETURNS creditgate.reply
LANGUAGE plpgsql STABLE AS $$
DECLARE
    y creditgate.reply;
    r creditgate.result;
    v_total numeric;
BEGIN
    y.ordinal := p_ordinal;
    y.outcome := t.outcome;
    y.replayed := t.replayed;
    y.opened := t.opened;
    y.session := t.session;
    y.asked_micros := 0;
    y.shortfall_micros := 0;
    y.charged_micros := 0;
    y.uncollected_micros := 0;
    y.late := false;
    y.settled_micros := a.settled_micros;
    y.held_micros := a.held_micros;
    y.overdraft_limit_micros := a.overdraft_limit_micros;
    y.version := a.version;
    y.as_of := p_now;
    FOREACH r IN ARRAY p_results LOOP
        y.outcome := r.outcome;
        y.settled_micros := r.settled_micros;
        y.held_micros := r.held_micros;
        y.overdraft_limit_micros := r.overdraft_limit_micros;
        y.version := r.version;
        y.as_of := r.as_of;
        y.retry_at := r.retry_at;
        y.limit_name := r.limit_name;
        y.asked_micros := y.asked_micros + r.asked_micros;
        y.charged_micros := y.charged_micros + r.charged_micros;
        y.uncollected_micros := y.uncollected_micros + r.uncollected_micros;
        y.late := y.late OR (coalesce(r.hold_late, false) AND r.charged_micros + r.uncollected_micros > 0);
        IF r.hold_id = (t.saying).hold_id THEN
            y.result := r;
        END IF;
        EXIT WHEN r.outcome NOT IN (1, 10);
    END LOOP;
    IF y.outcome IN (1, 10) THEN
        RETURN y;
    END IF;

    -- Nothing was done.
    y.replayed := false;
    y.opened := false;
    y.session := c.session;
    y.result := NULL;
    y.charged_micros := 0;
    y.uncollected_micros := 0;
    y.late := false;
    IF y.outcome BETWEEN 3 AND 6 THEN
        v_total := least(creditgate.price_turn(t, a), 1000000000000000000);
        y.asked_micros := v_total;
        IF y.outcome IN (3, 4) THEN
            y.outcome := CASE WHEN v_total > y.settled_micros + y.overdraft_limit_micros THEN 3 ELSE 4 END;
            y.shortfall_micros := v_total - (y.settled_micros + y.overdraft_limit_micros - y.held_micros);
            y.retry_at := CASE WHEN y.outcome = 4 THEN y.retry_at END;
        END IF;
    END IF;
    RETURN y;
END $$;

-- Write sessions and messages as sets.
CREATE OR REPLACE FUNCTION creditgate.write_conversations(
    p_sessions creditgate.conversations[], p_messages creditgate.messages[])
RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO creditgate.conversations AS c
    SELECT n.* FROM unnest(p_sessions) AS n
    ON CONFLICT (bucket, account_key, conversation_id, session) DO UPDATE
       SET last_activity_at = excluded.last_activity_at, ends_at = excluded.ends_at, ended_at = excluded.ended_at,
           ending = excluded.ending, termination_cause = excluded.termination_cause, messages = excluded.messages,
           charged_micros = excluded.charged_micros, credits = excluded.credits;
    INSERT INTO creditgate.messages AS m
    SELECT n.* FROM unnest(p_messages) AS n
    ON CONFLICT (bucket, account_key, conversation_id, message_id) DO UPDATE
       SET state = excluded.state;
END $$;

-- Hear utterances of different conversations: read what they are about, decide in memory what each asks of holds, have that
-- done as one batch, and write what became of sessions and messages. The accounts are locked.
CREATE OR REPLACE FUNCTION creditgate.hear(p_utterances creditgate.utterance[], p_offset bigint)
RETURNS SETOF creditgate.reply
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := creditgate.clock();
    v_accounts creditgate.accounts[];
    v_keys uuid[] := '{}';
    v_contexts creditgate.context[];
    v_turns creditgate.turn[] := '{}';
    v_operations creditgate.operation[] := '{}';
    v_metered creditgate.metered[] := '{}';
    v_together bigint[] := '{}';
    v_first integer[] := '{}';
    v_results creditgate.result[] := '{}';
    v_sessions creditgate.conversations[] := '{}';
    v_messages creditgate.messages[] := '{}';
    u creditgate.utterance;
    c creditgate.context;
    t creditgate.turn;
    a creditgate.accounts;
    s creditgate.conversations;
    m creditgate.metered;
    y creditgate.reply;
BEGIN
    v_accounts := ARRAY(
        SELECT n FROM (SELECT DISTINCT o.bucket, o.account_key FROM unnest(p_utterances) AS o) AS named
          JOIN creditgate.accounts AS n USING (bucket, account_key));
    -- A cycle that turns may bring other terms.
    FOR i IN 1 .. cardinality(v_accounts) LOOP
        v_keys[i] := v_accounts[i].account_key;
        IF v_accounts[i].due_at <= v_now THEN
            v_accounts[i] := creditgate.advance_for(v_accounts[i], v_now, '{}');
        END IF;
    END LOOP;
    v_contexts := creditgate.recall(p_utterances, v_now);

    FOR i IN 1 .. cardinality(p_utterances) LOOP
        u := p_utterances[i];
        c := v_contexts[i];
        a := v_accounts[array_position(v_keys, u.account_key)];
        t := NULL;
        IF a.account_key IS NULL THEN
            t.outcome := 20;
        ELSE
            t := CASE u.verb
                WHEN 1 THEN creditgate.hear_message(u, c, a, v_now)
                WHEN 2 THEN creditgate.hear_answer(u, c, v_now)
                WHEN 3 THEN creditgate.hear_release(u, c, v_now)
                ELSE creditgate.hear_close(u, c, v_now)
            END;
        END IF;
        v_turns[i] := t;
        -- A session's credit is set aside before its message, and charged or freed after it.
        v_first[i] := cardinality(v_operations) + 1;
        FOR k IN 1 .. 2 LOOP
            IF (k = 1) = (u.verb = 1) THEN
                CONTINUE WHEN (t.credit).verb IS NULL;
                v_operations := v_operations || t.credit;
                m := t.priced;
            ELSE
                CONTINUE WHEN (t.saying).verb IS NULL;
                v_operations := v_operations || t.saying;
                m := t.metered;
            END IF;
            m.ordinal := cardinality(v_operations);
            IF num_nonnulls(m.quantity, m.used_quantity) > 0 THEN
                v_metered := v_metered || m;
            END IF;
            IF m.ordinal > v_first[i] THEN
                v_together := v_together || m.ordinal;
            END IF;
        END LOOP;
    END LOOP;
    v_first := v_first || (cardinality(v_operations) + 1);

    IF cardinality(v_operations) > 0 THEN
        v_results := ARRAY(
            SELECT r FROM creditgate.apply(v_operations, v_metered, v_together) AS r ORDER BY r.ordinal);
    END IF;
    FOR i IN 1 .. cardinality(p_utterances) LOOP
        t := v_turns[i];
        c := v_contexts[i];
        a := v_accounts[array_position(v_keys, (p_utterances[i]).account_key)];
        y := creditgate.reply_to(
            p_offset + i, t, c, v_results[v_first[i] : v_first[i + 1] - 1], a, v_now);
        IF y.outcome IN (1, 10) THEN
            s := y.session;
            IF s.session IS NOT NULL THEN
                s.charged_micros := s.charged_micros + y.charged_micros;
                y.session := s;
            END IF;
            IF s.session IS NOT NULL AND s IS DISTINCT FROM c.session THEN
                v_sessions := v_sessions || s;
            END IF;
            IF (t.message).message_id IS NOT NULL AND t.message IS DISTINCT FROM c.message THEN
                v_messages := v_messages || t.message;
            END IF;
        END IF;
        RETURN NEXT y;
    END LOOP;
    PERFORM creditgate.write_conversations(v_sessions, v_messages);
END $$;

-- Tell conversations what happened to them, in order and in one transaction: the hot path of conversations. What is told to
-- one conversation sees what was told to it before, so a batch is heard up to where a conversation comes again.
CREATE OR REPLACE FUNCTION creditgate.converse(p_utterances creditgate.utterance[])
RETURNS SETOF creditgate.reply
LANGUAGE plpgsql AS $$
DECLARE
    v_from integer := 1;
    v_names text[] := '{}';
    v_name text;
    u creditgate.utterance;
BEGIN
    -- Lock each account once, in the order of the keys, so that no two batches wait for each other.
    PERFORM FROM (SELECT DISTINCT o.bucket, o.account_key FROM unnest(p_utterances) AS o) AS named
       JOIN creditgate.accounts AS a USING (bucket, account_key)
      ORDER BY a.bucket, a.account_key
        FOR NO KEY UPDATE OF a;
    FOR i IN 1 .. cardinality(p_utterances) LOOP
        u := p_utterances[i];
        v_name := u.account_key || '/' || u.conversation_id;
        IF v_name = ANY (v_names) THEN
            RETURN QUERY SELECT * FROM creditgate.hear(p_utterances[v_from : i - 1], v_from - 1);
            v_from := i;
            v_names := '{}';
        END IF;
        v_names := v_names || v_name;
    END LOOP;
    RETURN QUERY SELECT * FROM creditgate.hear(p_utterances[v_from : cardinality(p_utterances)], v_from - 1);
END $$;
