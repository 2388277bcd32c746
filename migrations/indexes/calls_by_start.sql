-- The calls of an account by when they began; who makes no calls has none in it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS calls_by_start
    ON creditgate.holds (bucket, account_key, created_at) WHERE gateway_key IS NOT NULL;
