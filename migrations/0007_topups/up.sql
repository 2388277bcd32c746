-- What the tenants' payment systems were asked for.
CREATE TABLE creditgate.topups (
    bucket        smallint NOT NULL,
    account_key   uuid NOT NULL,
    request_no    bigint NOT NULL,
    request_id    text NOT NULL,
    state         smallint NOT NULL,
    amount_micros bigint NOT NULL CHECK (amount_micros BETWEEN 1 AND 1000000000000000000),
    reason        text NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL,
    ended_at      timestamptz,
    PRIMARY KEY (bucket, account_key, request_no),
    UNIQUE (bucket, account_key, request_id)
);
COMMENT ON COLUMN creditgate.topups.state IS '1 requested, 2 completed, 3 refused';
GRANT SELECT, INSERT, UPDATE ON creditgate.topups TO creditgate_server;

-- auto_topup is what was set. topup_at_micros is the balance at which a top-up is asked for; NULL while none may be: off,
-- one asked for, backing off, or too many in this month. topup_due_at is when the next of these ends.
ALTER TABLE creditgate.accounts
    ADD COLUMN auto_topup       jsonb,
    ADD COLUMN topup_at_micros  bigint,
    ADD COLUMN topup_due_at     timestamptz,
    ADD COLUMN topup_request_id text,
    ADD COLUMN topup_failures   smallint NOT NULL DEFAULT 0;

-- It is defined anew with more arguments: two of the name would be ambiguous.
DROP FUNCTION IF EXISTS creditgate.update_account(
    smallint, uuid, bigint, smallint, smallint, text, integer, boolean, text, timestamptz, bigint[], boolean);
