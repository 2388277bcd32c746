-- The accounts of a tenant whose ids begin as somebody types: in the order of their bytes, whatever
-- order the database sorts texts in.
CREATE INDEX CONCURRENTLY IF NOT EXISTS accounts_by_name
    ON creditgate.accounts (tenant_id, account_id COLLATE "C");
