DO $$
BEGIN
    ASSERT (SELECT num_nonnulls(used_quantity, used_quantities) = 0 FROM creditgate.entries WHERE hold_id = 'from before'),
        'what a hold had used before is not known';
    ASSERT NOT EXISTS (SELECT FROM creditgate.usage_progress), 'nothing is summed up yet';
    DELETE FROM creditgate.entries WHERE hold_id = 'from before';
END $$;
