-- The open calls of a gateway, in the order in which lists answer them.
CREATE INDEX CONCURRENTLY IF NOT EXISTS holds_of_gateways
    ON creditgate.holds (bucket, gateway_key, account_key, hold_id) WHERE state = 1 AND gateway_key IS NOT NULL;
