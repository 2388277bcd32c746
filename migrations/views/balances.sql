-- The credits of each account, as they stand.
CREATE OR REPLACE VIEW creditgate.balances AS
SELECT bucket, account_key, tenant_id, account_id, status, settled_micros, held_micros, overdraft_limit_micros,
       settled_micros + overdraft_limit_micros - held_micros AS available_micros, debt_micros, open_holds, version
  FROM creditgate.accounts;
GRANT SELECT ON creditgate.balances TO creditgate_server;
