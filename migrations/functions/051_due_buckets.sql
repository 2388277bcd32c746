-- The buckets in which something is due, out of all of them: one question for a whole round of a sweep. In these words
-- each bucket costs one look into the index of what is due.
CREATE OR REPLACE FUNCTION creditgate.due_buckets(p_buckets smallint[]) RETURNS smallint[]
LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := creditgate.clock();
BEGIN
    RETURN ARRAY(
        SELECT b.bucket FROM unnest(p_buckets) AS b (bucket)
         WHERE EXISTS (SELECT FROM creditgate.accounts AS a
                        WHERE a.bucket = b.bucket AND a.due_at < 'infinity' AND a.due_at <= v_now));
END $$;
