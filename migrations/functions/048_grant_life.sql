-- How much of a grant open holds cover. Held credits sit at the head of the burn order: holds cover the ended grants
-- they carry, then live ones in burn order, until what is held is used up.
CREATE OR REPLACE FUNCTION creditgate.covered(p_account creditgate.accounts, p_seq integer) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_purse creditgate.purse;
    v_place integer;
    v_covered bigint;
BEGIN
    IF p_account.held_micros = 0 THEN
        RETURN 0;
    END IF;
    v_purse := (creditgate.open_purses(ARRAY[p_account]))[1];
    v_place := array_position(v_purse.seqs, p_seq);
    SELECT p_account.held_micros - coalesce(sum(u.remaining), 0) INTO v_covered
      FROM unnest(v_purse.remaining, v_purse.ended) WITH ORDINALITY AS u (remaining, ended, place)
     WHERE u.place < v_place AND NOT u.ended;
    SELECT v_covered - coalesce(sum(h.carried_micros), 0) INTO v_covered FROM creditgate.holds AS h
     WHERE h.bucket = p_account.bucket AND h.account_key = p_account.account_key AND h.state = 1
       AND h.carried_micros > 0;
    RETURN least(greatest(v_covered, 0), coalesce(v_purse.remaining[v_place], 0));
END $$;

-- End a grant: what open holds cover stays with them, oldest hold first, and lapses when they let go of it; the rest is
-- taken back now.
CREATE OR REPLACE FUNCTION creditgate.end_grant(
    p_account creditgate.accounts, p_seq integer, p_state smallint, p_now timestamptz)
RETURNS creditgate.accounts
LANGUAGE plpgsql AS $$
DECLARE
    a creditgate.accounts := p_account;
    g creditgate.grants;
    v_covered bigint := creditgate.covered(p_account, p_seq);
    v_taken bigint;
BEGIN
    SELECT s.* INTO g FROM creditgate.grants AS s
     WHERE s.bucket = a.bucket AND s.account_key = a.account_key AND s.seq = p_seq;
    v_taken := CASE g.state WHEN 2 THEN g.remaining_micros - v_covered ELSE 0 END;

    UPDATE creditgate.grants AS s
       SET state = p_state, remaining_micros = v_covered, spendable = v_covered > 0
     WHERE s.bucket = a.bucket AND s.account_key = a.account_key AND s.seq = p_seq;
    IF v_covered > 0 THEN
        UPDATE creditgate.holds AS h
           SET carried_micros = h.carried_micros + least(room.micros, v_covered - room.before)
          FROM (SELECT o.hold_id, o.held_micros - o.carried_micros AS micros,
                       sum(o.held_micros - o.carried_micros) OVER (ORDER BY o.created_at, o.hold_id)
                       - (o.held_micros - o.carried_micros) AS before
                  FROM creditgate.holds AS o
                 WHERE o.bucket = a.bucket AND o.account_key = a.account_key AND o.state = 1
                   AND o.held_micros > o.carried_micros) AS room
         WHERE h.bucket = a.bucket AND h.account_key = a.account_key AND h.hold_id = room.hold_id
           AND room.before < v_covered;
    END IF;
    IF v_taken > 0 THEN
        a.version := a.version + 1;
        a.settled_micros := a.settled_micros - v_taken;
        PERFORM creditgate.write_entries(ARRAY[ROW(
            a.bucket, a.account_key, a.version, 1, p_state + 1, -v_taken, a.settled_micros, NULL, g.grant_id,
            ARRAY[p_seq], ARRAY[v_taken], p_now, NULL, NULL)::creditgate.entries]);
    END IF;
    RETURN a;
END $$;

-- Make a pending grant live: its credits pay the account's debt first.
CREATE OR REPLACE FUNCTION creditgate.begin_grant(
    p_account creditgate.accounts, p_seq integer, p_now timestamptz)
RETURNS creditgate.accounts
LANGUAGE plpgsql AS $$
DECLARE
    a creditgate.accounts := p_account;
    g creditgate.grants;
    v_repaid bigint;
BEGIN
    SELECT * INTO g FROM creditgate.grants AS s
     WHERE s.bucket = a.bucket AND s.account_key = a.account_key AND s.seq = p_seq;
    v_repaid := least(a.debt_micros, g.amount_micros);
    UPDATE creditgate.grants AS s
       SET state = 2, remaining_micros = g.amount_micros - v_repaid, repaid_micros = v_repaid,
           spendable = g.amount_micros > v_repaid
     WHERE s.bucket = a.bucket AND s.account_key = a.account_key AND s.seq = p_seq;
    a.version := a.version + 1;
    a.settled_micros := a.settled_micros + g.amount_micros;
    a.debt_micros := a.debt_micros - v_repaid;
    PERFORM creditgate.write_entries(ARRAY[ROW(
        a.bucket, a.account_key, a.version, 1, 1, g.amount_micros, a.settled_micros, NULL, g.grant_id,
        ARRAY[p_seq], ARRAY[g.amount_micros - v_repaid], p_now, NULL, NULL)::creditgate.entries]);
    RETURN a;
END $$;

