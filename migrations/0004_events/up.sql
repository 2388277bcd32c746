-- What happened to accounts that somebody may want to hear of, in the order in which it happened to each: written in the
-- transaction that made it happen. dispatched says that it has been handed to whoever asked for it.
CREATE TABLE creditgate.events (
    bucket                 smallint NOT NULL,
    account_key            uuid NOT NULL,
    event_no               bigint NOT NULL,
    kind                   smallint NOT NULL,
    version                bigint NOT NULL,
    settled_micros         bigint NOT NULL,
    held_micros            bigint NOT NULL,
    overdraft_limit_micros bigint NOT NULL,
    body                   jsonb NOT NULL,
    created_at             timestamptz NOT NULL,
    dispatched             boolean NOT NULL DEFAULT false,
    PRIMARY KEY (bucket, account_key, event_no)
);
CREATE INDEX events_undispatched ON creditgate.events (bucket, account_key, event_no) WHERE NOT dispatched;
CREATE INDEX events_dispatched ON creditgate.events (bucket, created_at) WHERE dispatched;
COMMENT ON COLUMN creditgate.events.kind IS
    '1 balance.low, 2 credits.exhausted, 3 credits.resumed, 4 overdraft.entered, 5 cycle.reset, 6 grant.expiring, '
    '7 hold.late, 8 topup.requested, 9 topup.refused, 10 topup.completed';
-- An event never changes; when it has been dispatched for long enough it is forgotten.
GRANT SELECT, INSERT, DELETE ON creditgate.events TO creditgate_server;
GRANT UPDATE (dispatched) ON creditgate.events TO creditgate_server;

-- Thresholds are amounts, or percents of the plan's allowance written as negative numbers. thresholds_micros is the same
-- in amounts, the highest first, so that whoever is above the first pays one comparison; a percent of no allowance is
-- NULL, and last.
ALTER TABLE creditgate.accounts
    ADD COLUMN event_count       bigint NOT NULL DEFAULT 0,
    ADD COLUMN thresholds        bigint[] NOT NULL DEFAULT '{0}',
    ADD COLUMN thresholds_micros bigint[] NOT NULL DEFAULT '{0}',
    ADD COLUMN own_thresholds    boolean NOT NULL DEFAULT false,
    ADD COLUMN expiry_notice_ms  bigint NOT NULL DEFAULT 604800000;
ALTER TABLE creditgate.plans
    ADD COLUMN thresholds       bigint[] NOT NULL DEFAULT '{-20,0}',
    ADD COLUMN expiry_notice_ms bigint NOT NULL DEFAULT 604800000 CHECK (expiry_notice_ms BETWEEN 0 AND 31622400000);

-- When it is to be told that a grant ends soon; NULL when it has been, or never is.
ALTER TABLE creditgate.grants ADD COLUMN notice_at timestamptz;

-- It is defined anew with more arguments: two of the name would be ambiguous.
DROP FUNCTION IF EXISTS creditgate.update_account(
    smallint, uuid, bigint, smallint, smallint, text, integer, boolean, text, timestamptz);
