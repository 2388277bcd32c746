DO $$
BEGIN
    ASSERT (SELECT NOT has_archive FROM creditgate.accounts), 'nothing is archived';
    ASSERT (SELECT NOT begun FROM creditgate.grants), 'its entries are kept';
END $$;
