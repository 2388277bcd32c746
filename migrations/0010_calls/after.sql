DO $$
BEGIN
    ASSERT (SELECT call_terms IS NULL FROM creditgate.accounts), 'calls run as usual';
    ASSERT NOT EXISTS (SELECT FROM creditgate.holds WHERE num_nonnulls(gateway_key, offline_micros) > 0),
        'a hold that was there is no call''s';
END $$;
