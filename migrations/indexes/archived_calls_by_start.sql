-- The same for calls that were archived.
CREATE INDEX CONCURRENTLY IF NOT EXISTS archived_calls_by_start
    ON creditgate.archived_holds (bucket, account_key, created_at) WHERE gateway_key IS NOT NULL;
