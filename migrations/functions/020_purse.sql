-- The spendable grants of each given account, in burn order: lower priority, earlier expiry, promotional before paid,
-- older. One purse per account, in the order given. This is the one place that knows the order.
CREATE OR REPLACE FUNCTION creditgate.open_purses(p_accounts creditgate.accounts[]) RETURNS creditgate.purse[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT ROW(a.bucket, a.account_key, coalesce(g.seqs, '{}'), coalesce(g.remaining, '{}'),
                   coalesce(g.ended, '{}'))::creditgate.purse
        FROM unnest(p_accounts) WITH ORDINALITY AS a,
             LATERAL (SELECT array_agg(s.seq) AS seqs, array_agg(s.remaining_micros) AS remaining,
                             array_agg(s.state > 2) AS ended
                        FROM (SELECT * FROM creditgate.grants AS o
                               WHERE o.bucket = a.bucket AND o.account_key = a.account_key AND o.spendable
                               ORDER BY o.priority, o.expires_at, o.kind <> 3, o.seq) AS s) AS g
        ORDER BY a.ordinality);
END $$;

-- Draw an amount from the ended, or from the live, grants of a purse in burn order. What they lack is `missing`.
CREATE OR REPLACE FUNCTION creditgate.draw_from(p_purse creditgate.purse, p_ended boolean, p_micros bigint)
RETURNS creditgate.draw
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    d creditgate.draw := ROW('{}', '{}', p_purse.remaining, p_micros)::creditgate.draw;
    v_taken bigint;
BEGIN
    FOR i IN 1 .. coalesce(cardinality(p_purse.seqs), 0) LOOP
        EXIT WHEN d.missing = 0;
        IF p_purse.ended[i] = p_ended AND d.remaining[i] > 0 THEN
            v_taken := least(d.missing, d.remaining[i]);
            d.remaining[i] := d.remaining[i] - v_taken;
            d.missing := d.missing - v_taken;
            d.seqs := d.seqs || p_purse.seqs[i];
            d.micros := d.micros || v_taken;
        END IF;
    END LOOP;
    RETURN d;
END $$;

-- Write back what remains in purses.
CREATE OR REPLACE FUNCTION creditgate.close_purses(p_purses creditgate.purse[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    -- From the grants' side: their key leads to exactly those of a purse, whatever the planner knows of the table, and each
    -- finds its place in it.
    UPDATE creditgate.grants AS g
       SET remaining_micros = p.remaining[array_position(p.seqs, g.seq)],
           spendable = p.remaining[array_position(p.seqs, g.seq)] > 0
      FROM unnest(p_purses) AS p
     WHERE g.bucket = p.bucket AND g.account_key = p.account_key AND g.seq = ANY (p.seqs)
       AND g.remaining_micros <> p.remaining[array_position(p.seqs, g.seq)];
END $$;
