-- Entries and holds wherever they are: with the hot path, or in the archive. In their order, what is read of them is merged
-- from both by the primary keys. The columns are those of the tables.
CREATE OR REPLACE VIEW creditgate.all_entries AS
SELECT * FROM creditgate.entries
UNION ALL
SELECT * FROM creditgate.archived_entries;
CREATE OR REPLACE VIEW creditgate.all_holds AS
SELECT * FROM creditgate.holds
UNION ALL
SELECT * FROM creditgate.archived_holds;
GRANT SELECT ON creditgate.all_entries, creditgate.all_holds TO creditgate_server;
