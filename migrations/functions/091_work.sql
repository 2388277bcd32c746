-- What work was for, in a word, as Activity.type says it; empty for work without a meter.
CREATE OR REPLACE FUNCTION creditgate.work_type(p_meter text, p_of_gateway boolean) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN p_of_gateway THEN 'call'
        WHEN split_part(p_meter, '.', 1) = 'voice' THEN 'call'
        ELSE coalesce(split_part(p_meter, '.', 1), '')
    END
$$;

-- What the work with these details names: 4 its agent, 5 its user, 6 its topic, 7 its conversation, 8 the value of the label
-- p_key; empty where it names none.
CREATE OR REPLACE FUNCTION creditgate.work_value(p_details jsonb, p_grouping smallint, p_key text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(CASE p_grouping
        WHEN 4 THEN p_details -> 'attributes' ->> 'agent'
        WHEN 5 THEN p_details -> 'attributes' ->> 'user'
        WHEN 6 THEN p_details -> 'attributes' ->> 'topic'
        WHEN 7 THEN p_details -> 'attributes' ->> 'conversation_id'
        WHEN 8 THEN p_details -> 'labels' ->> p_key
    END, '')
$$;

-- How a charge is split over the lines of its hold: each takes what its price grew by since the charge before. What could
-- not be collected is lacking from the last lines first; what was charged by amount beyond them is the first one's.
CREATE OR REPLACE FUNCTION creditgate.charge_shares(
    p_lines creditgate.line[], p_before bigint[], p_used bigint[], p_micros bigint)
RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_shares bigint[] := '{}';
    v_left bigint := p_micros;
    v_line creditgate.line;
BEGIN
    FOR i IN 1 .. cardinality(p_lines) LOOP
        v_line := p_lines[i];
        v_shares[i] := least(v_left, coalesce(creditgate.price(v_line.rate, p_used[i]), 0)
            - coalesce(creditgate.price(v_line.rate, p_before[i]), 0));
        v_left := v_left - v_shares[i];
    END LOOP;
    v_shares[1] := v_shares[1] + v_left;
    RETURN v_shares;
END $$;

-- How a refund is split over the lines of its hold: it is taken off the last ones first, as far as they were charged and
-- not refunded before. The hold's charges and refunds up to this one are gone through again.
CREATE OR REPLACE FUNCTION creditgate.refund_shares(
    p_bucket smallint, p_account_key uuid, p_hold_id text, p_version bigint, p_lines creditgate.line[])
RETURNS bigint[]
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_charged bigint[] := array_fill(0::bigint, ARRAY[cardinality(p_lines)]);
    v_shares bigint[];
    v_before bigint[];
    v_left bigint;
    e creditgate.entries;
BEGIN
    FOR e IN
        SELECT s.* FROM creditgate.all_entries AS s
         WHERE s.bucket = p_bucket AND s.account_key = p_account_key AND s.hold_id = p_hold_id AND s.kind IN (2, 3)
           AND s.version <= p_version
         ORDER BY s.version, s.line
    LOOP
        IF e.kind = 2 THEN
            v_shares := creditgate.charge_shares(p_lines, v_before, e.used_quantities, -e.amount_micros);
            v_before := e.used_quantities;
        END IF;
        v_left := e.amount_micros;
        FOR i IN REVERSE cardinality(p_lines) .. 1 LOOP
            IF e.kind = 3 THEN
                v_shares[i] := least(v_left, v_charged[i]);
                v_left := v_left - v_shares[i];
                v_charged[i] := v_charged[i] - v_shares[i];
            ELSE
                v_charged[i] := v_charged[i] + v_shares[i];
            END IF;
        END LOOP;
    END LOOP;
    RETURN v_shares;
END $$;
