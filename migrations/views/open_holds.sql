-- The holds that keep credits from others now, with how long they have been open.
CREATE OR REPLACE VIEW creditgate.open_holds AS
SELECT h.bucket, h.account_key, a.tenant_id, a.account_id, h.hold_id, h.granted_micros, h.held_micros, h.used_micros,
       h.charged_micros, h.created_at, h.expires_at, creditgate.clock() - h.created_at AS age, h.gateway_id,
       h.offline_micros
  FROM creditgate.holds AS h
  JOIN creditgate.accounts AS a ON a.bucket = h.bucket AND a.account_key = h.account_key
 WHERE h.state = 1;
GRANT SELECT ON creditgate.open_holds TO creditgate_server;
