INSERT INTO creditgate.entries (
    bucket, account_key, version, line, kind, amount_micros, settled_micros, hold_id, grant_seqs, drawn_micros, created_at)
SELECT bucket, account_key, version + 1, 1, 2, -1, settled_micros - 1, 'from before', '{}', '{}', '2026-01-01Z'
  FROM creditgate.accounts;
