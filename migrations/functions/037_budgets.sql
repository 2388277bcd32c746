-- Give an account these budgets of its own, and those of its plan that it has none of its own for. A budget that counts
-- what the one of its name has counted keeps its number, and with it its counters; another one starts from nothing.
CREATE OR REPLACE FUNCTION creditgate.take_budgets(p_account creditgate.accounts, p_own creditgate.budget[])
RETURNS creditgate.accounts
LANGUAGE plpgsql STABLE AS $$
DECLARE
    a creditgate.accounts := p_account;
    b creditgate.budget;
BEGIN
    a.budgets := NULL;
    FOR b IN
        SELECT n.* FROM (
            SELECT o.* FROM unnest(p_own) AS o
            UNION ALL
            SELECT f.* FROM creditgate.plan_budgets AS p, unnest(p.budgets) AS f
             WHERE p.tenant_id = a.tenant_id AND p.plan_id = a.plan_id AND p.version = a.plan_version
               AND f.budget_id NOT IN (SELECT o.budget_id FROM unnest(p_own) AS o)) AS n
        ORDER BY n.budget_id COLLATE "C"
    LOOP
        SELECT k.budget_no INTO b.budget_no FROM unnest(p_account.budgets) AS k
         WHERE k.budget_id = b.budget_id AND k.attribute = b.attribute AND k.period = b.period
           AND (k.attribute = '' OR (k.together AND k.value = '') = (b.together AND b.value = ''));
        IF b.budget_no IS NULL THEN
            a.budget_numbers := a.budget_numbers + 1;
            b.budget_no := a.budget_numbers;
        END IF;
        a.budgets := a.budgets || b;
    END LOOP;
    RETURN a;
END $$;

-- The budgets an account has of its own.
CREATE OR REPLACE FUNCTION creditgate.own_budgets(p_account creditgate.accounts) RETURNS creditgate.budget[]
LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY(SELECT b FROM unnest(p_account.budgets) AS b WHERE b.own)
$$;

-- Let the running periods of an account's budgets end where its calendar now says.
CREATE OR REPLACE FUNCTION creditgate.move_periods(p_account creditgate.accounts, p_now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE creditgate.budget_counters AS k
       SET period_ends_at = creditgate.period_end(p_account, k.period, p_now)
     WHERE k.bucket = p_account.bucket AND k.account_key = p_account.account_key AND k.period_ends_at > p_now
       AND k.period_ends_at <> creditgate.period_end(p_account, k.period, p_now);
END $$;
