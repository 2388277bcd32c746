DO $$
BEGIN
    ASSERT (SELECT unpaid_micros = 0 FROM creditgate.accounts), 'nothing waits to be paid for';
    ASSERT (SELECT num_nonnulls(package_id, package_version, quantity) = 0 FROM creditgate.grants),
        'a grant that was there brings no package';
END $$;
