-- Where the credits a hold still has been charged came from, the last drawn first: charges are laid on a pile, refunds
-- have taken from its top. Sequence 0 is what no grant paid: debt.
CREATE OR REPLACE FUNCTION creditgate.drawn_by(p_bucket smallint, p_account_key uuid, p_hold_id text)
RETURNS TABLE (seq integer, micros bigint)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    e creditgate.entries;
    v_seqs integer[] := '{}';
    v_micros bigint[] := '{}';
    v_top integer := 0;
    v_rest bigint;
BEGIN
    FOR e IN
        SELECT s.* FROM creditgate.entries AS s
         WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.hold_id = p_hold_id AND s.kind IN (2, 3)
         ORDER BY s.version, s.line
    LOOP
        v_rest := abs(e.amount_micros);
        IF e.kind = 2 THEN
            FOR i IN 1 .. cardinality(e.grant_seqs) LOOP
                v_top := v_top + 1;
                v_seqs[v_top] := e.grant_seqs[i];
                v_micros[v_top] := e.drawn_micros[i];
                v_rest := v_rest - e.drawn_micros[i];
            END LOOP;
            IF v_rest > 0 THEN
                v_top := v_top + 1;
                v_seqs[v_top] := 0;
                v_micros[v_top] := v_rest;
            END IF;
        ELSE
            WHILE v_rest > 0 LOOP
                IF v_micros[v_top] > v_rest THEN
                    v_micros[v_top] := v_micros[v_top] - v_rest;
                    EXIT;
                END IF;
                v_rest := v_rest - v_micros[v_top];
                v_top := v_top - 1;
            END LOOP;
        END IF;
    END LOOP;
    RETURN QUERY SELECT v_seqs[i], v_micros[i] FROM generate_series(v_top, 1, -1) AS i;
END $$;

-- Give an amount back to a grant. Standing debt is paid from it first, the rest is given; what is given to a grant that
-- has ended lapses.
-- p_of_debt says that the grant had not been drawn but had repaid debt with it.
CREATE OR REPLACE FUNCTION creditgate.give_back(
    INOUT p_account creditgate.accounts, OUT p_given bigint, OUT p_lapsed bigint, p_seq integer, p_micros bigint, p_of_debt boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_repaid bigint := least(p_account.debt_micros, p_micros);
    v_kept bigint;
BEGIN
    SELECT CASE g.state WHEN 2 THEN p_micros - v_repaid ELSE 0 END INTO v_kept FROM creditgate.grants AS g
     WHERE g.bucket = p_account.bucket AND g.account_key = p_account.account_key AND g.seq = p_seq;
    UPDATE creditgate.grants AS g
       SET remaining_micros = g.remaining_micros + v_kept, spendable = g.spendable OR v_kept > 0,
           repaid_micros = g.repaid_micros + v_repaid - CASE WHEN p_of_debt THEN p_micros ELSE 0 END
     WHERE g.bucket = p_account.bucket AND g.account_key = p_account.account_key AND g.seq = p_seq;
    p_account.debt_micros := p_account.debt_micros - v_repaid;
    p_given := p_micros - v_repaid;
    p_lapsed := p_given - v_kept;
END $$;

-- Give charged credits back to where they came from: grants, the last drawn first; what was debt lowers the debt, or
-- goes back to the grants that have repaid it since.
CREATE OR REPLACE FUNCTION creditgate.refund(
    p_bucket smallint, p_account_key uuid, p_refund_id text, p_hold_id text, p_amount_micros bigint)
RETURNS creditgate.admin_result
LANGUAGE plpgsql AS $$
DECLARE
    v creditgate.admin_result := ROW(10, false, 0, NULL, NULL, NULL, NULL);
    a creditgate.accounts;
    h creditgate.holds;
    v_locked record;
    v_known creditgate.refunds;
    v_left bigint := p_amount_micros;
    v_given record;
    d record;
    v_seqs integer[] := '{}';
    v_micros bigint[] := '{}';
    v_part bigint;
    v_paid bigint;
    g creditgate.grants;
    v_entries creditgate.entries[] := '{}';
    v_lapsed_seqs integer[] := '{}';
    v_lapsed bigint[] := '{}';
    v_named creditgate.operation;
    v_forgotten text[];
BEGIN
    SELECT * INTO v_locked FROM creditgate.lock_account(p_bucket, p_account_key);
    a := v_locked.p_account;
    v.account := a;
    v.as_of := v_locked.p_now;
    SELECT s.* INTO h FROM creditgate.holds AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.hold_id = p_hold_id;
    IF h.hold_id IS NULL AND a.has_archive THEN
        v_named.bucket := p_bucket;
        v_named.account_key := p_account_key;
        v_named.hold_id := p_hold_id;
        v_forgotten := creditgate.restore_holds(ARRAY[v_named]);
        SELECT s.* INTO h FROM creditgate.holds AS s
         WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.hold_id = p_hold_id;
    END IF;
    v.hold := h;
    SELECT s.* INTO v_known FROM creditgate.refunds AS s
     WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.refund_id = p_refund_id;

    IF a.account_key IS NULL THEN
        v.outcome := 20;
    ELSIF h.hold_id IS NULL THEN
        v.outcome := CASE WHEN cardinality(v_forgotten) > 0 THEN 46 ELSE 21 END;
    ELSIF v_known.refund_id IS NOT NULL THEN
        v.replayed := v_known.hold_id = p_hold_id AND v_known.amount_micros = p_amount_micros;
        v.outcome := CASE WHEN v.replayed THEN 10 ELSE 23 END;
        v.moved_micros := v_known.expired_micros;
    ELSIF p_amount_micros > h.charged_micros - h.refunded_micros THEN
        v.outcome := 30;
    ELSIF p_amount_micros > creditgate.room(a) THEN
        v.outcome := 28;
    END IF;
    IF v.outcome <> 10 OR v.replayed THEN
        RETURN v;
    END IF;

    -- From here on the operation succeeds.
    FOR d IN SELECT w.seq, w.micros FROM creditgate.drawn_by(p_bucket, p_account_key, p_hold_id) AS w LOOP
        EXIT WHEN v_left = 0;
        v_part := least(v_left, d.micros);
        v_left := v_left - v_part;
        IF d.seq > 0 THEN
            SELECT * INTO v_given FROM creditgate.give_back(a, d.seq, v_part, false);
            a := v_given.p_account;
            IF v_given.p_given > 0 THEN
                v_seqs := v_seqs || d.seq;
                v_micros := v_micros || v_given.p_given;
            END IF;
            IF v_given.p_lapsed > 0 THEN
                v_lapsed_seqs := v_lapsed_seqs || d.seq;
                v_lapsed := v_lapsed || v_given.p_lapsed::bigint;
            END IF;
        ELSE
            v_paid := least(a.debt_micros, v_part);
            a.debt_micros := a.debt_micros - v_paid;
            v_part := v_part - v_paid;
            FOR g IN
                SELECT s.* FROM creditgate.grants AS s
                 WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.repaid_micros > 0
                 ORDER BY s.seq DESC
            LOOP
                EXIT WHEN v_part = 0;
                v_paid := least(g.repaid_micros, v_part);
                v_part := v_part - v_paid;
                SELECT * INTO v_given FROM creditgate.give_back(a, g.seq, v_paid, true);
                a := v_given.p_account;
                IF v_given.p_given > 0 THEN
                    v_seqs := v_seqs || g.seq;
                    v_micros := v_micros || v_given.p_given;
                END IF;
                IF v_given.p_lapsed > 0 THEN
                    v_lapsed_seqs := v_lapsed_seqs || g.seq;
                    v_lapsed := v_lapsed || v_given.p_lapsed::bigint;
                END IF;
            END LOOP;
        END IF;
    END LOOP;

    v.moved_micros := coalesce((SELECT sum(x) FROM unnest(v_lapsed) AS x), 0);
    h.refunded_micros := h.refunded_micros + p_amount_micros;
    a.version := a.version + 1;
    a.settled_micros := a.settled_micros + p_amount_micros;
    v_entries := v_entries || ROW(
        p_bucket, p_account_key, a.version, 1, 3, p_amount_micros, a.settled_micros, p_hold_id, p_refund_id,
        v_seqs, v_micros, v.as_of, NULL, NULL)::creditgate.entries;
    IF v.moved_micros > 0 THEN
        a.settled_micros := a.settled_micros - v.moved_micros;
        v_entries := v_entries || ROW(
            p_bucket, p_account_key, a.version, 2, 4, -v.moved_micros, a.settled_micros, NULL, p_refund_id,
            v_lapsed_seqs, v_lapsed, v.as_of, NULL, NULL)::creditgate.entries;
    END IF;
    INSERT INTO creditgate.refunds VALUES (
        p_bucket, p_account_key, p_refund_id, p_hold_id, p_amount_micros, v.moved_micros, a.version, v.as_of);
    a := creditgate.tell(v.account, a, v.as_of);
    PERFORM creditgate.write_accounts(ARRAY[a]);
    PERFORM creditgate.write_holds(ARRAY[h]);
    PERFORM creditgate.write_entries(v_entries);
    v.account := a;
    v.hold := h;
    RETURN v;
END $$;
