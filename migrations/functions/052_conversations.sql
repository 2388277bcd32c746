-- How conversations are charged and end where a plan does not say.
CREATE OR REPLACE FUNCTION creditgate.usual_conversation_terms() RETURNS creditgate.conversation_terms
LANGUAGE sql IMMUTABLE AS $$
    SELECT ROW(1, 1800000, 0, 'chat.conversation', 'chat.message')::creditgate.conversation_terms
$$;

-- The holds of a conversation have a sign in their names that names of callers cannot have.
CREATE OR REPLACE FUNCTION creditgate.credit_hold_id(p_session creditgate.conversations) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT p_session.conversation_id || '#' || p_session.session || '#' || p_session.credits
$$;
CREATE OR REPLACE FUNCTION creditgate.message_hold_id(p_conversation_id text, p_message_id text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT p_conversation_id || '##' || p_message_id
$$;

-- Whether a session takes messages at an instant.
CREATE OR REPLACE FUNCTION creditgate.is_running(p_session creditgate.conversations, p_now timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT p_session.ended_at IS NULL AND coalesce(p_session.ends_at > p_now, false)
$$;

-- What an operation on one of a conversation's holds is; it asks for what is metered beside it, and not for less.
CREATE OR REPLACE FUNCTION creditgate.on_hold(
    p_verb smallint, u creditgate.utterance, p_hold_id text, p_used_micros bigint, p_details jsonb)
RETURNS creditgate.operation
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN ROW(
        p_verb, u.bucket, u.account_key, p_hold_id, 0, 0, p_used_micros, u.ttl_ms, false, u.fingerprint,
        coalesce(u.termination_cause, ''), p_details)::creditgate.operation;
END $$;
CREATE OR REPLACE FUNCTION creditgate.of_meter(p_meter text, p_model text, p_quantity bigint, p_used_quantity bigint)
RETURNS creditgate.metered
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v creditgate.metered;
BEGIN
    v.meter := p_meter;
    v.model := p_model;
    v.quantity := p_quantity;
    v.used_quantity := p_used_quantity;
    RETURN v;
END $$;

-- What is known of what each utterance is about: its message's session, else the one it names, else the latest.
CREATE OR REPLACE FUNCTION creditgate.recall(p_utterances creditgate.utterance[], p_now timestamptz)
RETURNS creditgate.context[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW(s, l.session, m, o.others, o.others_end, EXISTS (
                   SELECT FROM creditgate.holds AS h
                    WHERE h.bucket = u.bucket AND h.account_key = u.account_key
                      AND h.hold_id = creditgate.credit_hold_id(s) AND h.state = 1 AND h.expires_at > p_now)
               )::creditgate.context
          FROM unnest(p_utterances) WITH ORDINALITY AS u
          LEFT JOIN creditgate.messages AS m
            ON m.bucket = u.bucket AND m.account_key = u.account_key AND m.conversation_id = u.conversation_id
           AND m.message_id = u.message_id
          LEFT JOIN LATERAL (
               SELECT c.session FROM creditgate.conversations AS c
                WHERE c.bucket = u.bucket AND c.account_key = u.account_key AND c.conversation_id = u.conversation_id
                ORDER BY c.session DESC LIMIT 1) AS l ON true
          LEFT JOIN creditgate.conversations AS s
            ON s.bucket = u.bucket AND s.account_key = u.account_key AND s.conversation_id = u.conversation_id
           AND s.session = coalesce(nullif(m.session, 0), nullif(u.session, 0), l.session)
          CROSS JOIN LATERAL (
               SELECT count(*) AS others, max(w.expires_at) AS others_end FROM creditgate.messages AS w
                WHERE w.bucket = u.bucket AND w.account_key = u.account_key AND w.conversation_id = u.conversation_id
                  AND w.session = s.session AND w.state = 1 AND w.message_id <> u.message_id) AS o
         ORDER BY u.ordinality);
END $$;

-- A message that asks to be answered: find, replay?, then the session it is of, and what of both has to be set aside.
CREATE OR REPLACE FUNCTION creditgate.hear_message(
    u creditgate.utterance, c creditgate.context, a creditgate.accounts, p_now timestamptz)
RETURNS creditgate.turn
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    t creditgate.turn;
    s creditgate.conversations := c.session;
    m creditgate.messages := c.message;
    v_others_end timestamptz := c.others_end;
    v_known boolean := m.message_id IS NOT NULL;
BEGIN
    t.replayed := v_known;
    t.opened := false;
    t.session := s;
    t.message := m;
    IF v_known AND (m.fingerprint IS NULL OR m.fingerprint <> u.fingerprint) THEN
        t.outcome := CASE WHEN m.fingerprint IS NULL THEN 25 ELSE 23 END;
        RETURN t;
    END IF;

    IF NOT v_known THEN
        IF s.session IS NULL OR (NOT creditgate.is_running(s, p_now)
                AND p_now >= coalesce(s.ended_at, s.ends_at) + (s.terms).reopen_within_ms * interval '1 millisecond') THEN
            s := ROW(u.bucket, u.account_key, u.conversation_id, coalesce(c.latest, 0) + 1,
                     coalesce(a.conversation_terms, creditgate.usual_conversation_terms()), u.type,
                     p_now, p_now, NULL, NULL, NULL, '', 0, 0, 0, u.details)::creditgate.conversations;
            t.opened := true;
            v_others_end := NULL;
        END IF;
        s.ended_at := NULL;
        s.ending := NULL;
        s.termination_cause := '';
        m := ROW(u.bucket, u.account_key, u.conversation_id, u.message_id, s.session, 1, greatest(u.quantity, 1),
                 p_now + u.ttl_ms * interval '1 millisecond', u.fingerprint)::creditgate.messages;
        s.last_activity_at := greatest(s.last_activity_at, p_now);
        s.ends_at := greatest(
            s.last_activity_at + (s.terms).inactivity_timeout_ms * interval '1 millisecond', v_others_end, m.expires_at);
        IF (s.terms).pricing > 1 AND s.messages = 0 AND c.credit_open AND NOT t.opened THEN
            t.credit := creditgate.on_hold(2::smallint, u, creditgate.credit_hold_id(s), NULL, NULL);
        ELSIF (s.terms).pricing > 1 AND s.messages = 0 THEN
            s.credits := s.credits + 1;
            t.credit := creditgate.on_hold(1::smallint, u, creditgate.credit_hold_id(s), NULL, s.details);
            t.priced := creditgate.of_meter((s.terms).conversation_meter, s.type, 1, NULL);
        END IF;
    END IF;
    IF (s.terms).pricing <> 2 THEN
        t.saying := creditgate.on_hold(
            1::smallint, u, creditgate.message_hold_id(u.conversation_id, u.message_id), NULL, u.details);
        t.metered := creditgate.of_meter(
            coalesce(nullif(u.meter, ''), (s.terms).message_meter), u.model, greatest(u.quantity, 1), NULL);
    END IF;
    IF (t.saying).verb IS NULL AND coalesce((t.credit).verb, 2) = 2 THEN
        -- Nothing new is to be set aside, so nobody else asks whether the account may be used.
        t.outcome := CASE WHEN NOT v_known AND a.status <> 1 THEN 6 WHEN (t.credit).verb IS NULL THEN 1 END;
        IF t.outcome = 6 THEN
            t.credit := NULL;
        END IF;
    END IF;
    t.session := s;
    t.message := m;
    RETURN t;
END $$;

-- A message that was answered: it is charged, and its session with the first of them. A session that has ended stays as it
-- ended.
CREATE OR REPLACE FUNCTION creditgate.hear_answer(
    u creditgate.utterance, c creditgate.context, p_now timestamptz)
RETURNS creditgate.turn
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    t creditgate.turn;
    s creditgate.conversations := c.session;
    m creditgate.messages := c.message;
BEGIN
    t.replayed := m.state = 2;
    t.opened := false;
    t.session := s;
    t.message := m;
    IF m.state IS NULL OR m.state = 3 THEN
        t.outcome := CASE WHEN m.state IS NULL THEN 42 ELSE 25 END;
        RETURN t;
    END IF;

    IF (s.terms).pricing <> 2 THEN
        t.saying := creditgate.on_hold(
            3::smallint, u, creditgate.message_hold_id(u.conversation_id, u.message_id), u.used_micros, NULL);
        IF u.used_micros IS NULL THEN
            t.metered := creditgate.of_meter(NULL, NULL, NULL, coalesce(u.used_quantity, m.quantity));
        END IF;
    END IF;
    IF m.state = 1 THEN
        IF (s.terms).pricing > 1 AND s.messages = 0 THEN
            t.credit := creditgate.on_hold(3::smallint, u, creditgate.credit_hold_id(s), NULL, NULL);
            t.priced := creditgate.of_meter(NULL, NULL, NULL, 1);
        END IF;
        IF creditgate.is_running(s, p_now) THEN
            s.last_activity_at := greatest(s.last_activity_at, p_now);
            s.ends_at := greatest(
                s.last_activity_at + (s.terms).inactivity_timeout_ms * interval '1 millisecond', c.others_end);
        END IF;
        s.messages := s.messages + 1;
        m.state := 2;
    END IF;
    t.outcome := CASE WHEN (t.credit).verb IS NULL AND (t.saying).verb IS NULL THEN 10 END;
    t.session := s;
    t.message := m;
    RETURN t;
END $$;

-- A message that was not answered: what was set aside for it is free, and its session's credit where nobody else may still
-- confirm it.
CREATE OR REPLACE FUNCTION creditgate.hear_release(
    u creditgate.utterance, c creditgate.context, p_now timestamptz)
RETURNS creditgate.turn
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    t creditgate.turn;
    s creditgate.conversations := c.session;
    m creditgate.messages := c.message;
BEGIN
    t.replayed := coalesce(m.state <> 1, false);
    t.opened := false;
    IF m.session > 0 AND (s.terms).pricing <> 2 THEN
        t.saying := creditgate.on_hold(
            4::smallint, u, creditgate.message_hold_id(u.conversation_id, u.message_id), NULL, NULL);
    END IF;
    IF m.state = 1 AND (s.terms).pricing > 1 AND s.messages = 0 AND c.others = 0 AND c.credit_open THEN
        t.credit := creditgate.on_hold(4::smallint, u, creditgate.credit_hold_id(s), NULL, NULL);
    END IF;
    IF NOT t.replayed AND creditgate.is_running(s, p_now) THEN
        IF u.handed_off THEN
            s.ended_at := p_now;
            s.ending := 3;
            s.termination_cause := u.termination_cause;
        ELSIF m.state = 1 THEN
            s.ends_at := greatest(
                s.last_activity_at + (s.terms).inactivity_timeout_ms * interval '1 millisecond', c.others_end, p_now);
        END IF;
    END IF;
    IF m.state IS NULL THEN
        m := ROW(u.bucket, u.account_key, u.conversation_id, u.message_id, 0, 3, 0, p_now, NULL)::creditgate.messages;
    ELSIF m.state = 1 THEN
        m.state := 3;
    END IF;
    t.outcome := CASE WHEN (t.credit).verb IS NULL AND (t.saying).verb IS NULL THEN 10 END;
    t.session := s;
    t.message := m;
    RETURN t;
END $$;

-- A session that is to end. What messages under way may still confirm stays set aside.
CREATE OR REPLACE FUNCTION creditgate.hear_close(u creditgate.utterance, c creditgate.context, p_now timestamptz)
RETURNS creditgate.turn
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    t creditgate.turn;
    s creditgate.conversations := c.session;
BEGIN
    t.replayed := NOT creditgate.is_running(s, p_now);
    t.opened := false;
    IF s.session IS NULL THEN
        t.outcome := 41;
        RETURN t;
    END IF;
    IF NOT t.replayed THEN
        s.ended_at := p_now;
        s.ending := CASE WHEN u.handed_off THEN 3 ELSE 1 END;
        s.termination_cause := u.termination_cause;
        IF (s.terms).pricing > 1 AND s.messages = 0 AND c.others = 0 AND c.credit_open THEN
            t.credit := creditgate.on_hold(4::smallint, u, creditgate.credit_hold_id(s), NULL, NULL);
        END IF;
    END IF;
    t.outcome := CASE WHEN (t.credit).verb IS NULL THEN 10 END;
    t.session := s;
    RETURN t;
END $$;
