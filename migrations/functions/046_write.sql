-- Write accounts, holds and entries as sets: each row once, only what changed.
CREATE OR REPLACE FUNCTION creditgate.write_accounts(p_accounts creditgate.accounts[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE creditgate.accounts AS a
       SET settled_micros = n.settled_micros, held_micros = n.held_micros, debt_micros = n.debt_micros,
           open_holds = n.open_holds, version = n.version, due_at = n.due_at, grant_count = n.grant_count,
           budget_numbers = n.budget_numbers, event_count = n.event_count
      FROM unnest(p_accounts) AS n
     WHERE a.bucket = n.bucket AND a.account_key = n.account_key
       AND (a.version <> n.version OR a.open_holds <> n.open_holds OR a.due_at <> n.due_at
            OR a.grant_count <> n.grant_count OR a.event_count <> n.event_count);
END $$;

CREATE OR REPLACE FUNCTION creditgate.write_holds(p_holds creditgate.holds[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO creditgate.holds AS h
    SELECT n.* FROM unnest(p_holds) AS n
    ON CONFLICT (bucket, account_key, hold_id) DO UPDATE
       SET state = excluded.state, granted_micros = excluded.granted_micros, held_micros = excluded.held_micros,
           carried_micros = excluded.carried_micros, used_micros = excluded.used_micros,
           charged_micros = excluded.charged_micros, uncollected_micros = excluded.uncollected_micros,
           refunded_micros = excluded.refunded_micros, late = excluded.late, closed = excluded.closed,
           expires_at = excluded.expires_at, settled_at = excluded.settled_at,
           termination_cause = excluded.termination_cause, used_quantity = excluded.used_quantity,
           lines = excluded.lines, offline_micros = excluded.offline_micros;
END $$;

CREATE OR REPLACE FUNCTION creditgate.write_entries(p_entries creditgate.entries[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO creditgate.entries SELECT e.* FROM unnest(p_entries) AS e;
END $$;
