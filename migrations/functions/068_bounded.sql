-- A sum as it is kept and answered: it stops at the ends of bigint. What is added up under one key is all of one sign, so
-- it does not matter in which steps.
CREATE OR REPLACE FUNCTION creditgate.bounded(p_sum numeric) RETURNS bigint
LANGUAGE sql IMMUTABLE AS $$
    SELECT greatest(least(p_sum, 9223372036854775807), -9223372036854775807)::bigint
$$;
