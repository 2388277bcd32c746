-- The only clock that decides anything. It is read once per batch, after the accounts are locked.
CREATE OR REPLACE FUNCTION creditgate.clock() RETURNS timestamptz
LANGUAGE sql VOLATILE AS $$ SELECT clock_timestamp() $$;
