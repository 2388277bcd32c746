-- What tenants sell by the piece. A version never changes. valid_for_ms is how long what was bought can be spent; NULL:
-- for ever.
CREATE TABLE creditgate.packages (
    tenant_id     uuid NOT NULL REFERENCES creditgate.tenants,
    package_id    text NOT NULL,
    version       integer NOT NULL CHECK (version > 0),
    name          text NOT NULL,
    amount_micros bigint NOT NULL CHECK (amount_micros BETWEEN 1 AND 1000000000000000000),
    priority      integer NOT NULL,
    valid_for_ms  bigint CHECK (valid_for_ms BETWEEN 1 AND 315576000000),
    fingerprint   bytea NOT NULL,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, package_id, version)
);
GRANT SELECT, INSERT ON creditgate.packages TO creditgate_server;

-- Which package a grant brings, and how many of it.
ALTER TABLE creditgate.grants
    ADD COLUMN package_id      text,
    ADD COLUMN package_version integer,
    ADD COLUMN quantity        bigint;
COMMENT ON COLUMN creditgate.grants.state IS '0 unpaid, 1 pending, 2 live, 3 expired, 4 revoked';

-- What has been ordered and not been paid for.
ALTER TABLE creditgate.accounts ADD COLUMN unpaid_micros bigint NOT NULL DEFAULT 0;

-- It is defined anew with more arguments: two of the name would be ambiguous.
DROP FUNCTION IF EXISTS creditgate.add_grant(
    smallint, uuid, text, smallint, bigint, integer, timestamptz, timestamptz, text, bytea);
