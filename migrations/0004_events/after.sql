DO $$
DECLARE
    a creditgate.accounts;
BEGIN
    SELECT * INTO STRICT a FROM creditgate.accounts;
    ASSERT a.event_count = 0, 'nothing has happened yet';
    ASSERT a.thresholds = '{0}' AND a.thresholds_micros = '{0}' AND NOT a.own_thresholds, 'zero alerts without a plan';
    ASSERT a.expiry_notice_ms = 7 * 86400000, 'and a grant that ends, a week before';
    ASSERT (SELECT thresholds = '{-20,0}' AND expiry_notice_ms = 7 * 86400000 FROM creditgate.plans),
        'a plan alerts at a fifth and at zero';
    ASSERT (SELECT notice_at IS NULL FROM creditgate.grants), 'grants that were there end without notice';
END $$;
