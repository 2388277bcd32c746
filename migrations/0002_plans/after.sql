DO $$
DECLARE
    a creditgate.accounts;
BEGIN
    SELECT * INTO STRICT a FROM creditgate.accounts;
    ASSERT (a.settled_micros, a.held_micros, a.version, a.overage_policy) = (100, 30, 2, 2), 'what was there stays';
    ASSERT a.time_zone = 'UTC' AND a.cycle_unit = 0 AND a.cycle_no = 0, 'an account is in no cycle';
    ASSERT num_nonnulls(a.plan_id, a.plan_version, a.next_plan_id, a.anchor_at, a.cycle_starts_at, a.cycle_ends_at) = 0,
        'and on no plan';
    ASSERT num_nonnulls(a.hold_max_micros, a.hold_ttl_max_ms, a.open_holds_max) = 0, 'and has no limits';
END $$;
