DO $$
BEGIN
    ASSERT (SELECT conversation_terms IS NULL FROM creditgate.accounts), 'conversations cost and end as usual';
END $$;
