DO $$
BEGIN
    ASSERT (SELECT count(*) = 64 AND min(bucket) = 0 AND max(bucket) = 63 FROM creditgate.fan_outs),
        'each bucket has whoever makes its deliveries';
    ASSERT NOT EXISTS (SELECT FROM creditgate.endpoints), 'nobody hears of anything yet';
END $$;
