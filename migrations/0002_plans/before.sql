INSERT INTO creditgate.tenants (tenant_id, name) VALUES ('00000000-0000-0000-0000-000000000001', 'tenant');
INSERT INTO creditgate.accounts (
    bucket, account_key, tenant_id, account_id, status, overage_policy, overdraft_limit_micros, settled_micros, held_micros,
    open_holds, grant_count, version, due_at, created_at)
VALUES (7, '00000000-0000-0000-0000-000000000002', '00000000-0000-0000-0000-000000000001', 'acme', 1, 2, 5, 100, 30, 1, 1, 2,
    now() + interval '1 minute', now());
INSERT INTO creditgate.grants (
    bucket, account_key, seq, grant_id, kind, state, spendable, amount_micros, remaining_micros, priority, effective_at,
    expires_at, fingerprint, created_at)
VALUES (7, '00000000-0000-0000-0000-000000000002', 1, 'payment-1', 2, 2, true, 100, 100, 0, now(), now() + interval '1 day', '',
    now());
INSERT INTO creditgate.holds (
    bucket, account_key, hold_id, state, decision, asked_micros, reserved_micros, granted_micros, held_micros, used_micros,
    charged_micros, uncollected_micros, created_at, expires_at)
VALUES (7, '00000000-0000-0000-0000-000000000002', 'msg-1', 1, 1, 30, 30, 30, 30, 0, 0, 0, now(), now() + interval '1 minute');
