INSERT INTO creditgate.plans (
    tenant_id, plan_id, version, name, allowance_micros, cycle_unit, rollover_max_micros, welcome_micros,
    overdraft_limit_micros, overage_policy, fingerprint, created_at)
VALUES ('00000000-0000-0000-0000-000000000001', 'pro', 1, 'Pro', 100, 3, 0, 0, 0, 2, '', now());
