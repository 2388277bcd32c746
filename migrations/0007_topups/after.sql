DO $$
BEGIN
    ASSERT (SELECT num_nonnulls(auto_topup, topup_at_micros, topup_due_at, topup_request_id) = 0 AND topup_failures = 0
              FROM creditgate.accounts), 'an account asks for no top-ups';
END $$;
