-- Give an account a budget of its own, or another in the place of the one of that name.
CREATE OR REPLACE FUNCTION creditgate.put_budget(
    p_bucket smallint, p_account_key uuid, p_budget creditgate.budget)
RETURNS creditgate.admin_result
LANGUAGE plpgsql AS $$
DECLARE
    v creditgate.admin_result := ROW(10, false, 0, NULL, NULL, NULL, NULL);
    v_own creditgate.budget[];
    v_locked record;
BEGIN
    SELECT * INTO v_locked FROM creditgate.lock_account(p_bucket, p_account_key);
    v.account := v_locked.p_account;
    v.as_of := v_locked.p_now;
    v_own := ARRAY(SELECT b FROM unnest(creditgate.own_budgets(v.account)) AS b
                    WHERE b.budget_id <> p_budget.budget_id);
    IF (v.account).account_key IS NULL THEN
        v.outcome := 20;
    ELSIF cardinality(v_own) >= 8 THEN
        v.outcome := 35;
    ELSE
        v.account := creditgate.change_budgets(v.account, v_own || p_budget);
    END IF;
    RETURN v;
END $$;

-- Take a budget of an account's own away; one of that name of its plan takes its place.
CREATE OR REPLACE FUNCTION creditgate.delete_budget(p_bucket smallint, p_account_key uuid, p_budget_id text)
RETURNS creditgate.admin_result
LANGUAGE plpgsql AS $$
DECLARE
    v creditgate.admin_result := ROW(10, false, 0, NULL, NULL, NULL, NULL);
    v_locked record;
BEGIN
    SELECT * INTO v_locked FROM creditgate.lock_account(p_bucket, p_account_key);
    v.account := v_locked.p_account;
    v.as_of := v_locked.p_now;
    IF (v.account).account_key IS NULL THEN
        v.outcome := 20;
    ELSE
        v.account := creditgate.change_budgets(v.account, ARRAY(
            SELECT b FROM unnest(creditgate.own_budgets(v.account)) AS b WHERE b.budget_id <> p_budget_id));
    END IF;
    RETURN v;
END $$;

-- Let an account have these budgets of its own; what is as it was changes nothing.
CREATE OR REPLACE FUNCTION creditgate.change_budgets(p_account creditgate.accounts, p_own creditgate.budget[])
RETURNS creditgate.accounts
LANGUAGE plpgsql AS $$
DECLARE
    a creditgate.accounts := creditgate.take_budgets(p_account, p_own);
BEGIN
    IF a.budgets IS DISTINCT FROM p_account.budgets THEN
        a.version := a.version + 1;
        PERFORM creditgate.write_terms(a);
        PERFORM creditgate.write_accounts(ARRAY[a]);
    END IF;
    RETURN a;
END $$;

-- What an account's counters show, in the order of their budgets' names and their values, after one of them: those with
-- something spent in the running period, or held. A period that ends with a cycle that has ended shows no end.
CREATE OR REPLACE FUNCTION creditgate.list_counters(
    p_bucket smallint, p_account_key uuid, p_after_budget_id text, p_after_value text, p_limit bigint)
RETURNS TABLE (
    budget_id text, value text, spent_micros bigint, held_micros bigint, open_holds bigint, period_ends_at timestamptz)
LANGUAGE plpgsql STABLE AS $$
DECLARE
    a creditgate.accounts;
    v_now timestamptz := creditgate.clock();
BEGIN
    SELECT s.* INTO a FROM creditgate.accounts AS s WHERE s.bucket = p_bucket AND s.account_key = p_account_key;
    RETURN QUERY
    SELECT b.budget_id, r.value, r.spent_micros, r.held_micros, r.open_holds,
           CASE WHEN r.period_ends_at > v_now AND r.period_ends_at < 'infinity' THEN r.period_ends_at END
      FROM unnest(a.budgets) AS b,
           LATERAL (
               SELECT c.* FROM creditgate.budget_counters AS k, creditgate.running(k, a, v_now) AS c
                WHERE k.bucket = p_bucket AND k.account_key = p_account_key AND k.budget_no = b.budget_no
                  AND k.budget_no > 0
                  AND (b.budget_id COLLATE "C" > p_after_budget_id OR k.value > p_after_value)
                  AND (c.spent_micros > 0 OR c.held_micros > 0 OR c.open_holds > 0)
                ORDER BY k.value LIMIT p_limit) AS r
     WHERE b.budget_id COLLATE "C" >= p_after_budget_id
     ORDER BY b.budget_id COLLATE "C", r.value LIMIT p_limit;
END $$;
