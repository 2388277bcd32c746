-- Holds that ended long ago with their entries, and other entries as old: moved here as they were. They have the shapes of
-- the tables they come from, for good: whoever adds a column there adds it here.
CREATE TABLE creditgate.archived_entries (
    LIKE creditgate.entries INCLUDING CONSTRAINTS INCLUDING DEFAULTS,
    PRIMARY KEY (bucket, account_key, version, line)
);
CREATE INDEX archived_entries_by_hold ON creditgate.archived_entries (bucket, account_key, hold_id)
    WHERE hold_id IS NOT NULL;
CREATE TABLE creditgate.archived_holds (
    LIKE creditgate.holds INCLUDING CONSTRAINTS INCLUDING DEFAULTS,
    PRIMARY KEY (bucket, account_key, hold_id)
);
CREATE INDEX archived_calls_by_start ON creditgate.archived_holds (bucket, account_key, created_at)
    WHERE gateway_key IS NOT NULL;

-- What is left of holds whose archive was emptied: that their names were used.
CREATE TABLE creditgate.archived_names (
    bucket      smallint NOT NULL,
    account_key uuid NOT NULL,
    digest      uuid NOT NULL,
    PRIMARY KEY (bucket, account_key, digest)
);

-- What an account has in the archive, and what has been taken out of it: every entry up to emptied_version that was
-- archived, the last of them of emptied_at. The balance after that version is carried in emptied_settled_micros.
CREATE TABLE creditgate.archives (
    bucket                 smallint NOT NULL,
    account_key            uuid NOT NULL,
    entries                bigint NOT NULL DEFAULT 0,
    amount_micros          numeric NOT NULL DEFAULT 0,
    holds                  bigint NOT NULL DEFAULT 0,
    emptied_version        bigint NOT NULL DEFAULT 0,
    emptied_micros         numeric NOT NULL DEFAULT 0,
    emptied_settled_micros bigint NOT NULL DEFAULT 0,
    emptied_at             timestamptz,
    PRIMARY KEY (bucket, account_key),
    CHECK (entries >= 0 AND holds >= 0 AND (emptied_version = 0) = (emptied_at IS NULL))
);

-- What the holds have cost that were taken out of the archive: on counters of budgets, as far as their periods go on, and
-- in sessions of conversations.
CREATE TABLE creditgate.emptied_spent (
    bucket        smallint NOT NULL,
    account_key   uuid NOT NULL,
    counter_no    integer NOT NULL,
    since_version bigint NOT NULL,
    spent_micros  numeric NOT NULL,
    PRIMARY KEY (bucket, account_key, counter_no)
);
CREATE TABLE creditgate.emptied_sessions (
    bucket          smallint NOT NULL,
    account_key     uuid NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    session         integer NOT NULL,
    session_micros  numeric NOT NULL,
    credits_used    bigint NOT NULL,
    messages_micros numeric NOT NULL,
    PRIMARY KEY (bucket, account_key, conversation_id, session)
);

-- Where the round through the accounts of a bucket is: the account, its hold, and its version once the holds are done.
-- It is between two rounds where there is no account.
CREATE TABLE creditgate.archive_rounds (
    bucket      smallint PRIMARY KEY,
    began_at    timestamptz NOT NULL,
    account_key uuid,
    hold_id     text NOT NULL DEFAULT '',
    version     bigint
);
INSERT INTO creditgate.archive_rounds (bucket, began_at) SELECT b, '-infinity' FROM generate_series(0, 63) AS b;

-- Whether anything of an account was ever archived: who has no archive pays this comparison.
ALTER TABLE creditgate.accounts ADD COLUMN has_archive boolean NOT NULL DEFAULT false;

-- Whether a grant has begun whose first entry is not kept any more.
ALTER TABLE creditgate.grants ADD COLUMN begun boolean NOT NULL DEFAULT false;

-- They are written by functions alone that the owner of the schema has made for it.
GRANT SELECT ON creditgate.archived_entries, creditgate.archived_holds, creditgate.archived_names, creditgate.archives,
    creditgate.archive_rounds, creditgate.emptied_spent, creditgate.emptied_sessions TO creditgate_server;
