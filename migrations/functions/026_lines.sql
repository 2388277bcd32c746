-- Which of a hold's lines is of a meter and a model, as its Reserve named them; NULL where none is.
CREATE OR REPLACE FUNCTION creditgate.line_no(p_lines creditgate.line[], p_meter text, p_model text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_line creditgate.line;
BEGIN
    FOR i IN 1 .. coalesce(cardinality(p_lines), 0) LOOP
        v_line := p_lines[i];
        IF (v_line.rate).meter = p_meter AND v_line.model = p_model THEN
            RETURN i;
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- Turn the quantities of an operation on several meters into amounts: each line takes the most that was said of it, and
-- is priced and rounded for itself. Answers the lines, the outcome that refuses the operation, and the row that no rate
-- prices. What is refused or answered whatever it costs is left to whoever decides it, as in `price_operation`.
CREATE OR REPLACE FUNCTION creditgate.price_lines(
    INOUT p_op creditgate.operation, p_rows creditgate.metered[], p_rates creditgate.rate[], p_hold creditgate.holds,
    OUT p_lines creditgate.line[], OUT p_refused smallint, OUT p_unpriced integer)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_new boolean := p_op.verb IN (1, 5);
    v_asks boolean := v_new;
    v_reports boolean := false;
    v_price numeric := 0;
    v_used numeric := 0;
    v_line creditgate.line;
    v_place integer;
    u creditgate.metered;
BEGIN
    IF v_new = (p_hold.hold_id IS NOT NULL) OR (p_op.verb = 2 AND p_hold.state <> 1) THEN
        RETURN;
    END IF;
    p_lines := coalesce(p_hold.lines, '{}');
    FOR i IN 1 .. cardinality(p_rows) LOOP
        u := p_rows[i];
        v_place := CASE
            WHEN NOT v_new THEN creditgate.line_no(p_lines, u.meter, u.model)
            WHEN (p_rates[i]).meter IS NOT NULL THEN i
        END;
        IF v_place IS NULL THEN
            p_refused := 27;
            p_unpriced := i;
            RETURN;
        ELSIF v_new THEN
            v_line := ROW(p_rates[i], u.quantity, 0, u.model)::creditgate.line;
        ELSE
            v_line := p_lines[v_place];
            v_line.quantity := greatest(v_line.quantity, u.quantity);
            v_line.used_quantity := greatest(v_line.used_quantity, u.used_quantity);
            v_asks := v_asks OR u.quantity IS NOT NULL;
            v_reports := v_reports OR u.used_quantity IS NOT NULL;
        END IF;
        p_lines[v_place] := v_line;
    END LOOP;
    FOREACH v_line IN ARRAY p_lines LOOP
        IF v_asks THEN
            v_price := v_price + creditgate.price(v_line.rate, v_line.quantity);
        END IF;
        IF v_reports THEN
            v_used := v_used + creditgate.price(v_line.rate, v_line.used_quantity);
        END IF;
    END LOOP;
    IF greatest(v_price, v_used) > 1000000000000000000 THEN
        p_refused := 28;
        RETURN;
    END IF;
    p_op.amount_micros := CASE WHEN v_asks THEN v_price ELSE p_op.amount_micros END;
    p_op.used_micros := CASE WHEN v_reports THEN v_used ELSE p_op.used_micros END;
END $$;

-- What was charged for, where an amount did not pay for all of it: line by line in their order, as far as it goes.
CREATE OR REPLACE FUNCTION creditgate.charged_lines(p_lines creditgate.line[], p_micros bigint)
RETURNS creditgate.line[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_lines creditgate.line[] := p_lines;
    v_line creditgate.line;
    v_left numeric := p_micros;
BEGIN
    FOR i IN 1 .. cardinality(p_lines) LOOP
        v_line := v_lines[i];
        v_line.used_quantity := least(v_line.quantity, creditgate.affordable(v_line.rate, v_left));
        v_left := v_left - creditgate.price(v_line.rate, v_line.used_quantity);
        v_lines[i] := v_line;
    END LOOP;
    RETURN v_lines;
END $$;

-- Keep with the hold of a verdict the lines it was priced by. A raise that is denied keeps what was asked before; what
-- has ended keeps what it was ended with.
CREATE OR REPLACE FUNCTION creditgate.keep_lines(
    p_verdict creditgate.verdict, p_op creditgate.operation, p_lines creditgate.line[], p_before creditgate.holds)
RETURNS creditgate.verdict
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v creditgate.verdict := p_verdict;
    h creditgate.holds := p_verdict.hold;
    v_line creditgate.line;
BEGIN
    IF v.outcome >= 20 OR h.hold_id IS NULL OR (p_before.state <> 1 AND h = p_before) THEN
        RETURN v;
    END IF;
    h.lines := p_lines;
    IF p_op.verb = 5 THEN
        h.lines := creditgate.charged_lines(p_lines, h.granted_micros);
    ELSIF p_op.verb = 2 AND v.outcome > 2 THEN
        FOR i IN 1 .. cardinality(p_lines) LOOP
            v_line := p_lines[i];
            v_line.quantity := (p_before.lines[i]).quantity;
            h.lines[i] := v_line;
        END LOOP;
    END IF;
    v.hold := h;
    RETURN v;
END $$;

-- How far each line can go on what its hold was granted, while the others stay at what was asked of them, or was used
-- where that is more.
CREATE OR REPLACE FUNCTION creditgate.affordable_lines(p_lines creditgate.line[], p_granted_micros bigint)
RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_left numeric := p_granted_micros;
    v_prices numeric[];
    v_affordable bigint[];
    v_line creditgate.line;
BEGIN
    FOR i IN 1 .. cardinality(p_lines) LOOP
        v_line := p_lines[i];
        v_prices[i] := creditgate.price(v_line.rate, greatest(v_line.quantity, v_line.used_quantity));
        v_left := v_left - v_prices[i];
    END LOOP;
    FOR i IN 1 .. cardinality(p_lines) LOOP
        v_affordable[i] := creditgate.affordable((p_lines[i]).rate, v_left + v_prices[i]);
    END LOOP;
    RETURN v_affordable;
END $$;

-- What each line has used in all, in their order.
CREATE OR REPLACE FUNCTION creditgate.used_quantities(p_lines creditgate.line[]) RETURNS bigint[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_used bigint[] := '{}';
BEGIN
    FOR i IN 1 .. cardinality(p_lines) LOOP
        v_used[i] := (p_lines[i]).used_quantity;
    END LOOP;
    RETURN v_used;
END $$;
