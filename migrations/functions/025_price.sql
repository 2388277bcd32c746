-- The price of a quantity, in micro-credits, without bounds: nothing for nothing; else the connection fee, and the unit
-- price for the quantity rounded up to blocks: at least the minimum, a first block, then further ones. It is rounded
-- once, up. So what work costs in all depends on its total alone, however it is reported. What is not said has no
-- price. The one place that prices.
CREATE OR REPLACE FUNCTION creditgate.price(p_rate creditgate.rate, p_quantity bigint) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT AS $$
DECLARE
    v_size bigint := greatest(p_rate.unit_size, 1);
    v_billed numeric := greatest(p_quantity, p_rate.minimum);
    v_step numeric;
    v_first numeric;
    v_cost numeric;
BEGIN
    IF p_quantity = 0 THEN
        RETURN 0;
    END IF;
    IF p_rate.initial > 1 OR p_rate.increment > 1 THEN
        v_step := greatest(p_rate.increment, 1);
        v_first := CASE WHEN p_rate.initial > 0 THEN p_rate.initial ELSE v_step END;
        v_billed := v_first + div(greatest(v_billed - v_first, 0) + v_step - 1, v_step) * v_step;
    END IF;
    v_cost := least(v_billed, p_rate.tier_from[1]) * p_rate.unit_price_micros;
    IF p_rate.tier_from IS NOT NULL THEN
        FOR i IN 1 .. cardinality(p_rate.tier_from) LOOP
            EXIT WHEN v_billed <= p_rate.tier_from[i];
            v_cost := v_cost + (least(v_billed, p_rate.tier_from[i + 1]) - p_rate.tier_from[i])
                * p_rate.tier_prices_micros[i];
        END LOOP;
    END IF;
    RETURN p_rate.connection_fee_micros + div(v_cost + v_size - 1, v_size);
END $$;

-- The largest quantity an amount pays for, at most 10^18: what `price` takes, read backwards.
CREATE OR REPLACE FUNCTION creditgate.affordable(p_rate creditgate.rate, p_micros numeric) RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_most constant bigint := 1000000000000000000;
    v_rest numeric := (p_micros - p_rate.connection_fee_micros) * greatest(p_rate.unit_size, 1);
    v_paid numeric := 0;
    v_price bigint := p_rate.unit_price_micros;
    v_tiers integer := coalesce(cardinality(p_rate.tier_from), 0);
    v_step bigint;
    v_first bigint := 1;
    v_end bigint;
BEGIN
    IF v_rest < 0 THEN
        RETURN 0;
    END IF;
    -- How much is paid for, tier by tier, before it is cut to whole blocks.
    FOR i IN 0 .. v_tiers LOOP
        IF i > 0 THEN
            v_price := p_rate.tier_prices_micros[i];
        END IF;
        v_end := CASE WHEN i < v_tiers THEN p_rate.tier_from[i + 1] END;
        IF v_end IS NULL AND v_price = 0 THEN
            RETURN v_most;
        ELSIF v_end IS NULL OR (v_end - v_paid) * v_price > v_rest THEN
            v_paid := v_paid + div(v_rest, v_price);
            EXIT;
        END IF;
        v_rest := v_rest - (v_end - v_paid) * v_price;
        v_paid := v_end;
    END LOOP;
    IF p_rate.initial > 1 OR p_rate.increment > 1 THEN
        v_step := greatest(p_rate.increment, 1);
        v_first := CASE WHEN p_rate.initial > 0 THEN p_rate.initial ELSE v_step END;
        v_paid := CASE WHEN v_paid < v_first THEN 0 ELSE v_first + div(v_paid - v_first, v_step) * v_step END;
    END IF;
    RETURN CASE WHEN v_paid < greatest(v_first, p_rate.minimum) THEN 0 ELSE least(v_paid, v_most) END;
END $$;

-- The functions of the version before, which knew one meter for each operation.
DROP FUNCTION IF EXISTS creditgate.find_rates(
    creditgate.accounts[], creditgate.operation[], creditgate.usage[]);
DROP FUNCTION IF EXISTS creditgate.find_rates(
    creditgate.accounts[], creditgate.operation[], creditgate.metered[]);
DROP FUNCTION IF EXISTS creditgate.needing_all(creditgate.operation[], creditgate.usage[]);
DROP FUNCTION IF EXISTS creditgate.price_operation(
    creditgate.operation, creditgate.usage, creditgate.rate, creditgate.holds);
DROP FUNCTION IF EXISTS creditgate.keep_usage(
    creditgate.verdict, creditgate.operation, creditgate.usage, creditgate.rate, creditgate.holds);

DROP FUNCTION IF EXISTS creditgate.with_affordable(creditgate.result, creditgate.accounts, creditgate.rate);

-- The rate of the accounts' cards for each usage, in the order in which unnest answers them, which is theirs; NULL where
-- nothing prices it. p_keys are the accounts'.
CREATE OR REPLACE FUNCTION creditgate.find_rates(
    p_accounts creditgate.accounts[], p_keys uuid[], p_operations creditgate.operation[],
    p_usages creditgate.metered[])
RETURNS creditgate.rate[]
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN ARRAY(
        SELECT (SELECT r.rate
                  FROM creditgate.rates AS r
                 WHERE r.tenant_id = (u.a).tenant_id AND r.rate_card_id = coalesce(u.rate_card_id, (u.a).rate_card_id)
                   AND r.version = coalesce(u.rate_card_version, (u.a).rate_card_version)
                   AND r.meter = u.meter AND r.model IN (u.model, '*')
                 ORDER BY r.model = '*' LIMIT 1)
          FROM (SELECT m.*, p_accounts[array_position(p_keys, (p_operations[m.ordinal]).account_key)] AS a
                  FROM unnest(p_usages) AS m OFFSET 0) AS u);
END $$;

-- Operations as they are before their quantities are priced: such a one may need all there is.
CREATE OR REPLACE FUNCTION creditgate.needing_all(
    p_operations creditgate.operation[], p_usages creditgate.metered[])
RETURNS creditgate.operation[]
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_operations creditgate.operation[] := p_operations;
    v_op creditgate.operation;
    u creditgate.metered;
BEGIN
    FOREACH u IN ARRAY p_usages LOOP
        v_op := v_operations[u.ordinal];
        v_op.amount_micros := 1000000000000000000;
        v_op.used_micros := 1000000000000000000;
        v_operations[u.ordinal] := v_op;
    END LOOP;
    RETURN v_operations;
END $$;

-- Turn the quantities of an operation into amounts: of a new hold by the rate given, of one that is there by its own.
-- Answers the rate, and the outcome that refuses the operation where no rate prices it or its price is out of range. What
-- is refused or answered whatever it costs is left to whoever decides it: a name that is used, a hold that is not there
-- or, for an Extend, not open.
CREATE OR REPLACE FUNCTION creditgate.price_operation(
    INOUT p_op creditgate.operation, p_usage creditgate.metered, INOUT p_rate creditgate.rate, p_hold creditgate.holds,
    OUT p_refused smallint)
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v_price numeric;
    v_used numeric;
BEGIN
    IF p_hold.hold_id IS NOT NULL THEN
        p_rate := p_hold.rate;
    END IF;
    IF (p_op.verb IN (1, 5)) = (p_hold.hold_id IS NOT NULL) OR (p_op.verb = 2 AND p_hold.state <> 1) THEN
        RETURN;
    END IF;
    IF p_rate IS NULL THEN
        p_refused := 27;
        RETURN;
    END IF;
    v_price := creditgate.price(p_rate, p_usage.quantity);
    v_used := creditgate.price(p_rate, p_usage.used_quantity);
    IF greatest(v_price, v_used) > 1000000000000000000 THEN
        p_refused := 28;
        RETURN;
    END IF;
    p_op.amount_micros := coalesce(v_price, p_op.amount_micros);
    p_op.used_micros := coalesce(v_used, p_op.used_micros);
END $$;

-- Keep with the hold of a verdict the rate it was priced by and what it charged, if it is a new Charge, or the most that was
-- reported. What has ended keeps what it was ended with.
CREATE OR REPLACE FUNCTION creditgate.keep_usage(
    p_verdict creditgate.verdict, p_op creditgate.operation, p_usage creditgate.metered, p_rate creditgate.rate,
    p_before creditgate.holds)
RETURNS creditgate.verdict
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    v creditgate.verdict := p_verdict;
    h creditgate.holds := p_verdict.hold;
BEGIN
    IF p_verdict.outcome >= 20 OR h.hold_id IS NULL OR (p_before.state <> 1 AND h = p_before) THEN
        RETURN v;
    END IF;
    IF p_before.hold_id IS NULL THEN
        h.rate := p_rate;
        h.used_quantity := CASE
            WHEN v.outcome = 1 THEN p_usage.quantity
            ELSE creditgate.affordable(p_rate, h.granted_micros)
        END;
    ELSE
        h.used_quantity := greatest(h.used_quantity, p_usage.used_quantity);
    END IF;
    v.hold := h;
    RETURN v;
END $$;

-- What the work of a verdict can come to in all, in the unit of its rate: what its hold was granted, while it is open, and
-- what is available besides.
CREATE OR REPLACE FUNCTION creditgate.reach(
    h creditgate.holds, p_account creditgate.accounts, p_rate creditgate.rate)
RETURNS bigint
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    RETURN creditgate.affordable(p_rate, CASE WHEN h.state = 1 THEN greatest(h.granted_micros, h.used_micros) ELSE 0 END
        + greatest(p_account.settled_micros + p_account.overdraft_limit_micros - p_account.held_micros, 0)::numeric);
END $$;

-- Price usages by an account's card as they are written; changes nothing. p_most is how far each can go on the available
-- credits while the others are as they were asked; p_unpriced is the first that nothing prices. In the order of
-- creditgate_server.postgres.rate_cards.
CREATE OR REPLACE FUNCTION creditgate.quote_usages(
    p_bucket smallint, p_account_key uuid, p_usages creditgate.metered[],
    OUT outcome smallint, OUT price_micros bigint, OUT rates creditgate.rate[], OUT prices_micros bigint[],
    OUT most bigint[], OUT unpriced integer, OUT account creditgate.accounts, OUT as_of timestamptz)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_op creditgate.operation;
    v_prices numeric[] := '{}';
    v_price numeric := 0;
    v_left numeric;
BEGIN
    as_of := creditgate.clock();
    SELECT a.* INTO account FROM creditgate.accounts AS a
     WHERE a.bucket = p_bucket AND a.account_key = p_account_key;
    IF account.account_key IS NULL THEN
        outcome := 20;
        RETURN;
    END IF;
    v_op.account_key := p_account_key;
    rates := creditgate.find_rates(ARRAY[account], ARRAY[p_account_key], ARRAY[v_op], p_usages);
    FOR i IN 1 .. cardinality(p_usages) LOOP
        IF (rates[i]).meter IS NULL THEN
            outcome := 27;
            unpriced := i;
            RETURN;
        END IF;
        v_prices[i] := creditgate.price(rates[i], (p_usages[i]).quantity);
        v_price := v_price + v_prices[i];
    END LOOP;
    IF v_price > 1000000000000000000 THEN
        outcome := 28;
        RETURN;
    END IF;
    outcome := 10;
    price_micros := v_price;
    prices_micros := v_prices;
    v_left := greatest(account.settled_micros::numeric + account.overdraft_limit_micros - account.held_micros, 0) - v_price;
    FOR i IN 1 .. cardinality(p_usages) LOOP
        most[i] := creditgate.affordable(rates[i], v_left + v_prices[i]);
    END LOOP;
END $$;

-- As servers of the version before ask it, for one usage.
CREATE OR REPLACE FUNCTION creditgate.quote(
    p_bucket smallint, p_account_key uuid, p_meter text, p_model text, p_quantity bigint,
    OUT outcome smallint, OUT price_micros bigint, OUT affordable_quantity bigint, OUT rate creditgate.rate,
    OUT account creditgate.accounts, OUT as_of timestamptz)
LANGUAGE sql STABLE AS $$
    SELECT q.outcome, q.price_micros, q.most[1], q.rates[1], q.account, q.as_of
      FROM creditgate.quote_usages(p_bucket, p_account_key, ARRAY[
            ROW(1, p_meter, p_model, p_quantity, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::creditgate.metered]) AS q
$$;
