-- Where tenants want to hear of events. A deleted endpoint stays, so that one made anew under its name has other secrets.
CREATE TABLE creditgate.endpoints (
    tenant_id   uuid NOT NULL REFERENCES creditgate.tenants,
    endpoint_id text NOT NULL,
    kind        smallint NOT NULL CHECK (kind BETWEEN 1 AND 2),
    address     text NOT NULL,
    kinds       smallint[] NOT NULL,
    account_id  text NOT NULL,
    account_key uuid,
    state       smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
    generation  integer NOT NULL CHECK (generation > 0),
    rotated_at  timestamptz,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, endpoint_id),
    CHECK ((account_id = '') = (account_key IS NULL))
);
CREATE INDEX endpoints_by_account ON creditgate.endpoints (tenant_id, account_key) WHERE state < 3;
COMMENT ON COLUMN creditgate.endpoints.kind IS '1 webhook, 2 e-mail';
COMMENT ON COLUMN creditgate.endpoints.kinds IS 'of events; empty: all';
COMMENT ON COLUMN creditgate.endpoints.account_key IS 'NULL: the events of all accounts';
COMMENT ON COLUMN creditgate.endpoints.state IS '1 active, 2 disabled, 3 deleted';

-- Events on their way to endpoints.
CREATE TABLE creditgate.deliveries (
    bucket      smallint NOT NULL,
    account_key uuid NOT NULL,
    endpoint_id text NOT NULL,
    event_no    bigint NOT NULL,
    tenant_id   uuid NOT NULL,
    event_kind  smallint NOT NULL,
    state       smallint NOT NULL DEFAULT 1 CHECK (state BETWEEN 1 AND 3),
    attempts    integer NOT NULL DEFAULT 0,
    last_status integer,
    last_error  text NOT NULL DEFAULT '',
    created_at  timestamptz NOT NULL,
    ended_at    timestamptz,
    PRIMARY KEY (bucket, account_key, endpoint_id, event_no),
    CHECK ((state = 1) = (ended_at IS NULL))
) WITH (fillfactor = 70);
COMMENT ON COLUMN creditgate.deliveries.state IS '1 pending, 2 done, 3 dead';
CREATE INDEX deliveries_pending ON creditgate.deliveries (bucket, account_key, endpoint_id, event_no) WHERE state = 1;
CREATE INDEX deliveries_waiting ON creditgate.deliveries (bucket, created_at) WHERE state = 1;
CREATE INDEX deliveries_ended ON creditgate.deliveries (bucket, state, ended_at) WHERE state > 1;
CREATE INDEX deliveries_by_tenant ON creditgate.deliveries (tenant_id, state, account_key, endpoint_id, event_no);

-- The lines in which deliveries wait, one for each account and endpoint; a line in which nobody waits has no row.
CREATE TABLE creditgate.delivery_queues (
    bucket      smallint NOT NULL,
    account_key uuid NOT NULL,
    endpoint_id text NOT NULL,
    tenant_id   uuid NOT NULL,
    next_at     timestamptz NOT NULL,
    PRIMARY KEY (bucket, account_key, endpoint_id)
) WITH (fillfactor = 70);
CREATE INDEX delivery_queues_due ON creditgate.delivery_queues (bucket, next_at);

-- Whoever makes deliveries of a bucket's events holds its row.
CREATE TABLE creditgate.fan_outs (bucket smallint PRIMARY KEY);
INSERT INTO creditgate.fan_outs SELECT b FROM generate_series(0, 63) AS b;

-- What came of an attempt. wait is until the next one; disable says that nothing will ever be taken there.
CREATE TYPE creditgate.attempt AS (
    bucket smallint, account_key uuid, endpoint_id text, event_no bigint, attempts integer, state smallint,
    wait_seconds double precision, disable boolean, last_status integer, last_error text
);

GRANT SELECT, INSERT, UPDATE ON creditgate.endpoints TO creditgate_server;
GRANT SELECT, INSERT, UPDATE, DELETE ON creditgate.deliveries, creditgate.delivery_queues TO creditgate_server;
GRANT SELECT, UPDATE ON creditgate.fan_outs TO creditgate_server;
