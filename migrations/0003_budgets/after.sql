DO $$
BEGIN
    ASSERT (SELECT budgets IS NULL AND budget_numbers = 0 FROM creditgate.accounts), 'an account has no budgets';
    ASSERT (SELECT counters IS NULL FROM creditgate.holds), 'an open hold is on no counter';
    ASSERT NOT EXISTS (SELECT FROM creditgate.plan_budgets), 'nor has a plan';
    ASSERT (SELECT overage_policy = 2 FROM creditgate.plans), 'a policy stays what it was';
    -- DENY is allowed from now on, and nothing beyond it.
    UPDATE creditgate.plans SET overage_policy = 3;
    UPDATE creditgate.plans SET overage_policy = 2;
    BEGIN
        UPDATE creditgate.plans SET overage_policy = 4;
        ASSERT false, 'there is no policy 4';
    EXCEPTION WHEN check_violation THEN
        NULL;
    END;
END $$;
