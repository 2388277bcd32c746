-- The name of a grant that a plan makes, after the instant at which it begins. Callers cannot choose such names.
CREATE OR REPLACE FUNCTION creditgate.cycle_grant_id(p_at timestamptz, p_what text) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT 'cycle/' || to_char(p_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') || '/' || p_what
$$;

-- Make a grant that begins at an instant; less of it where the balance would leave the range of amounts.
CREATE OR REPLACE FUNCTION creditgate.add_cycle_grant(
    INOUT p_account creditgate.accounts, p_grant_id text, p_kind smallint, p_micros bigint, p_priority integer,
    p_effective_at timestamptz, p_expires_at timestamptz, p_now timestamptz)
LANGUAGE plpgsql AS $$
DECLARE
    v_micros bigint := least(p_micros, creditgate.room(p_account))::bigint;
BEGIN
    IF v_micros <= 0 THEN
        RETURN;
    END IF;
    p_account.grant_count := p_account.grant_count + 1;
    INSERT INTO creditgate.grants (
        bucket, account_key, seq, grant_id, kind, state, spendable, amount_micros, remaining_micros, priority,
        effective_at, expires_at, reference, fingerprint, created_at, notice_at)
    VALUES (
        p_account.bucket, p_account.account_key, p_account.grant_count, p_grant_id, p_kind, 1, false, v_micros,
        v_micros, p_priority, p_effective_at, p_expires_at, '', '', p_now,
        creditgate.notice_at(p_account, p_kind, p_effective_at, p_expires_at));
END $$;

-- The grants that are an account's allowance of the running cycle.
CREATE OR REPLACE FUNCTION creditgate.running_allowance(p_account creditgate.accounts) RETURNS SETOF creditgate.grants
LANGUAGE sql STABLE AS $$
    SELECT g.* FROM creditgate.grants AS g
     WHERE g.bucket = p_account.bucket AND g.account_key = p_account.account_key AND g.state IN (1, 2)
       AND g.kind = 1 AND g.expires_at = p_account.cycle_ends_at AND starts_with(g.grant_id, 'cycle/')
$$;

-- Take over a plan's thresholds, or count an account's own anew by its allowance; and its notice.
CREATE OR REPLACE FUNCTION creditgate.take_alerts(p_account creditgate.accounts, p_plan creditgate.plans)
RETURNS creditgate.accounts
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    a creditgate.accounts := p_account;
BEGIN
    a.expiry_notice_ms := p_plan.expiry_notice_ms;
    RETURN creditgate.set_thresholds(
        a, CASE WHEN a.own_thresholds THEN a.thresholds ELSE p_plan.thresholds END, p_plan.allowance_micros);
END $$;

-- Copy onto an account what the hot path needs of a plan. Its own budgets and thresholds stay.
CREATE OR REPLACE FUNCTION creditgate.take_terms(p_account creditgate.accounts, p_plan creditgate.plans)
RETURNS creditgate.accounts
LANGUAGE plpgsql STABLE AS $$
DECLARE
    a creditgate.accounts := p_account;
BEGIN
    a.plan_id := p_plan.plan_id;
    a.plan_version := p_plan.version;
    a.next_plan_id := NULL;
    a.next_plan_version := NULL;
    a.cycle_unit := p_plan.cycle_unit;
    a.overdraft_limit_micros := p_plan.overdraft_limit_micros;
    a.overage_policy := p_plan.overage_policy;
    a.hold_max_micros := p_plan.hold_max_micros;
    a.hold_ttl_max_ms := p_plan.hold_ttl_max_ms;
    a.open_holds_max := p_plan.open_holds_max;
    SELECT c.rate_card_id, c.rate_card_version INTO a.rate_card_id, a.rate_card_version
      FROM creditgate.plan_rate_cards AS c
     WHERE c.tenant_id = p_plan.tenant_id AND c.plan_id = p_plan.plan_id AND c.version = p_plan.version;
    a.call_terms := (
        SELECT t.terms FROM creditgate.plan_call_terms AS t
         WHERE t.tenant_id = p_plan.tenant_id AND t.plan_id = p_plan.plan_id AND t.version = p_plan.version);
    a.conversation_terms := (
        SELECT t.terms FROM creditgate.plan_conversation_terms AS t
         WHERE t.tenant_id = p_plan.tenant_id AND t.plan_id = p_plan.plan_id AND t.version = p_plan.version);
    a := creditgate.take_alerts(a, p_plan);
    RETURN creditgate.take_budgets(a, creditgate.own_budgets(a));
END $$;

-- Write what a plan and its cycle have set on an account. Its version and its sums are left to `write_accounts`, which
-- looks at the version to see whether they are to be written.
CREATE OR REPLACE FUNCTION creditgate.write_terms(p_account creditgate.accounts) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE creditgate.accounts AS u
       SET status = p_account.status, overdraft_limit_micros = p_account.overdraft_limit_micros,
           overage_policy = p_account.overage_policy, plan_id = p_account.plan_id,
           plan_version = p_account.plan_version, next_plan_id = p_account.next_plan_id,
           next_plan_version = p_account.next_plan_version, time_zone = p_account.time_zone,
           anchor_at = p_account.anchor_at, cycle_unit = p_account.cycle_unit, cycle_no = p_account.cycle_no,
           cycle_starts_at = p_account.cycle_starts_at, cycle_ends_at = p_account.cycle_ends_at,
           hold_max_micros = p_account.hold_max_micros, hold_ttl_max_ms = p_account.hold_ttl_max_ms,
           open_holds_max = p_account.open_holds_max, budgets = p_account.budgets,
           budget_numbers = p_account.budget_numbers, thresholds = p_account.thresholds,
           thresholds_micros = p_account.thresholds_micros, own_thresholds = p_account.own_thresholds,
           expiry_notice_ms = p_account.expiry_notice_ms, auto_topup = p_account.auto_topup,
           topup_at_micros = p_account.topup_at_micros, topup_due_at = p_account.topup_due_at,
           topup_request_id = p_account.topup_request_id, topup_failures = p_account.topup_failures,
           rate_card_id = p_account.rate_card_id,
           rate_card_version = p_account.rate_card_version, call_terms = p_account.call_terms,
           conversation_terms = p_account.conversation_terms
     WHERE u.bucket = p_account.bucket AND u.account_key = p_account.account_key;
END $$;

-- Place an account in the cycle of its anchor that an instant lies in.
CREATE OR REPLACE FUNCTION creditgate.place_in_cycle(p_account creditgate.accounts, p_at timestamptz)
RETURNS creditgate.accounts
LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    a creditgate.accounts := p_account;
BEGIN
    a.cycle_no := 0;
    a.cycle_starts_at := NULL;
    a.cycle_ends_at := NULL;
    IF a.cycle_unit > 0 THEN
        a.cycle_no := creditgate.cycle_at(a.anchor_at, a.time_zone, a.cycle_unit, p_at);
        a.cycle_starts_at := creditgate.cycle_start(a.anchor_at, a.time_zone, a.cycle_unit, a.cycle_no);
        a.cycle_ends_at := creditgate.cycle_start(a.anchor_at, a.time_zone, a.cycle_unit, a.cycle_no + 1);
    END IF;
    RETURN a;
END $$;

-- Turn an account's cycle at its end: the plan chosen for the next one takes effect, what is left of the allowance rolls
-- over up to the plan's bound, the new allowance and the add-ons begin. Cycles that have passed unseen are passed over
-- in one step where that makes no difference: no debt to repay, nothing held, no add-on that lasts.
CREATE OR REPLACE FUNCTION creditgate.turn_cycle(p_account creditgate.accounts, p_now timestamptz)
RETURNS creditgate.accounts
LANGUAGE plpgsql AS $$
DECLARE
    a creditgate.accounts := p_account;
    v_at timestamptz := p_account.cycle_ends_at;
    v_plan creditgate.plans;
    v_left bigint;
    v_addon creditgate.addons;
BEGIN
    SELECT coalesce(sum(g.remaining_micros - creditgate.covered(a, g.seq)), 0) INTO v_left
      FROM creditgate.running_allowance(a) AS g;
    SELECT p.* INTO v_plan FROM creditgate.plans AS p
     WHERE p.tenant_id = a.tenant_id AND p.plan_id = coalesce(a.next_plan_id, a.plan_id)
       AND p.version = coalesce(a.next_plan_version, a.plan_version);
    -- A plan that stays leaves alone what has been set above its terms.
    IF a.next_plan_id IS NOT NULL THEN
        a := creditgate.take_terms(a, v_plan);
        a.version := a.version + 1;
    ELSE
        a := creditgate.take_alerts(a, v_plan);
    END IF;
    -- A plan with another unit counts from the same anchor where the boundaries meet, else from here.
    IF (creditgate.place_in_cycle(a, v_at)).cycle_starts_at <> v_at THEN
        a.anchor_at := v_at;
    END IF;
    a := creditgate.place_in_cycle(a, v_at);
    IF a.cycle_ends_at <= p_now AND a.debt_micros = 0 AND a.held_micros = 0 AND NOT EXISTS (
        SELECT FROM creditgate.addons AS d
         WHERE d.bucket = a.bucket AND d.account_key = a.account_key AND d.cancelled_at IS NULL AND d.lasts)
    THEN
        a := creditgate.place_in_cycle(a, p_now);
        v_at := a.cycle_starts_at;
        v_left := v_plan.allowance_micros;
    END IF;

    PERFORM creditgate.write_terms(a);
    -- A plan without cycles brings nothing, and a closed account takes nothing.
    IF a.cycle_ends_at IS NULL OR a.status = 3 THEN
        RETURN a;
    END IF;
    a := creditgate.add_cycle_grant(a, creditgate.cycle_grant_id(v_at, 'rollover'), 5::smallint,
        least(v_left, v_plan.rollover_max_micros), 0, v_at, a.cycle_ends_at, p_now);
    a := creditgate.add_cycle_grant(a, creditgate.cycle_grant_id(v_at, 'allowance'), 1::smallint,
        v_plan.allowance_micros, 0, v_at, a.cycle_ends_at, p_now);
    FOR v_addon IN
        SELECT d.* FROM creditgate.addons AS d
         WHERE d.bucket = a.bucket AND d.account_key = a.account_key AND d.cancelled_at IS NULL
         ORDER BY d.created_at, d.addon_id
    LOOP
        a := creditgate.add_cycle_grant(a, creditgate.cycle_grant_id(v_at, 'addon/' || v_addon.addon_id), 2::smallint,
            v_addon.amount_micros, v_addon.priority, v_at, CASE WHEN NOT v_addon.lasts THEN a.cycle_ends_at END,
            p_now);
    END LOOP;
    RETURN a;
END $$;

-- Count an account's cycles from another anchor or in another time zone: the running cycle, and the allowance with it,
-- then ends where the new count says.
CREATE OR REPLACE FUNCTION creditgate.move_cycle(
    p_account creditgate.accounts, p_anchor_at timestamptz, p_time_zone text, p_now timestamptz)
RETURNS creditgate.accounts
LANGUAGE plpgsql AS $$
DECLARE
    a creditgate.accounts := p_account;
BEGIN
    a.anchor_at := p_anchor_at;
    a.time_zone := p_time_zone;
    IF a.cycle_unit > 0 THEN
        a := creditgate.place_in_cycle(a, p_now);
        UPDATE creditgate.grants AS g
           SET expires_at = a.cycle_ends_at
          FROM creditgate.running_allowance(p_account) AS r
         WHERE g.bucket = r.bucket AND g.account_key = r.account_key AND g.seq = r.seq;
    END IF;
    RETURN a;
END $$;

-- Put an account on a plan now. The first plan brings its whole allowance, and the welcome credits; a change ends what is
-- left of the old allowance and brings the new one in proportion to what is left of the cycle, rounded down.
CREATE OR REPLACE FUNCTION creditgate.start_plan(
    p_account creditgate.accounts, p_plan creditgate.plans, p_anchor_at timestamptz, p_now timestamptz)
RETURNS creditgate.accounts
LANGUAGE plpgsql AS $$
DECLARE
    a creditgate.accounts := p_account;
    v_seq integer;
    v_number bigint;
    v_allowance numeric := p_plan.allowance_micros;
BEGIN
    FOR v_seq IN SELECT g.seq FROM creditgate.running_allowance(p_account) AS g LOOP
        a := creditgate.end_grant(a, v_seq, 3::smallint, p_now);
    END LOOP;
    a := creditgate.take_terms(a, p_plan);
    a.anchor_at := coalesce(p_anchor_at, a.anchor_at, p_now);
    a := creditgate.place_in_cycle(a, p_now);
    IF p_account.plan_id IS NOT NULL THEN
        -- In whole numbers: a quotient rounded to so many digits may reach the next one.
        v_allowance := div(v_allowance * extract(epoch FROM a.cycle_ends_at - p_now),
                           extract(epoch FROM a.cycle_ends_at - a.cycle_starts_at));
    END IF;
    IF a.cycle_unit > 0 THEN
        -- Several plans may begin at one instant, also at that of a turn: their allowances are told apart by number.
        SELECT count(*) INTO v_number FROM creditgate.grants AS g
         WHERE g.bucket = a.bucket AND g.account_key = a.account_key AND g.effective_at = p_now;
        a := creditgate.add_cycle_grant(
            a, creditgate.cycle_grant_id(p_now, 'allowance/' || v_number), 1::smallint, v_allowance::bigint, 0, p_now,
            a.cycle_ends_at, p_now);
    END IF;
    IF p_account.plan_id IS NULL THEN
        a := creditgate.add_cycle_grant(
            a, 'cycle/welcome', 3::smallint, p_plan.welcome_micros, 0, p_now, NULL, p_now);
    END IF;
    RETURN a;
END $$;
