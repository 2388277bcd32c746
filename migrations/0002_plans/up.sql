-- What tenants sell. A version never changes.
CREATE TABLE creditgate.plans (
    tenant_id              uuid NOT NULL REFERENCES creditgate.tenants,
    plan_id                text NOT NULL,
    version                integer NOT NULL CHECK (version > 0),
    name                   text NOT NULL,
    allowance_micros       bigint NOT NULL CHECK (allowance_micros BETWEEN 0 AND 1000000000000000000),
    cycle_unit             smallint NOT NULL CHECK (cycle_unit BETWEEN 0 AND 4),
    rollover_max_micros    bigint NOT NULL CHECK (rollover_max_micros BETWEEN 0 AND 1000000000000000000),
    welcome_micros         bigint NOT NULL CHECK (welcome_micros BETWEEN 0 AND 1000000000000000000),
    overdraft_limit_micros bigint NOT NULL CHECK (overdraft_limit_micros BETWEEN 0 AND 1000000000000000000),
    overage_policy         smallint NOT NULL CHECK (overage_policy BETWEEN 1 AND 2),
    hold_max_micros        bigint CHECK (hold_max_micros > 0),
    hold_ttl_max_ms        bigint CHECK (hold_ttl_max_ms > 0),
    open_holds_max         bigint CHECK (open_holds_max > 0),
    fingerprint            bytea NOT NULL,
    created_at             timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, plan_id, version),
    CHECK (cycle_unit > 0 OR (allowance_micros = 0 AND rollover_max_micros = 0))
);
COMMENT ON COLUMN creditgate.plans.cycle_unit IS '0 none, 1 day, 2 week, 3 month, 4 year';

-- Where an account is in its plan. Cycle n begins n units after the anchor, in the account's time zone.
ALTER TABLE creditgate.accounts
    ADD COLUMN plan_id           text,
    ADD COLUMN plan_version      integer,
    ADD COLUMN next_plan_id      text,
    ADD COLUMN next_plan_version integer,
    ADD COLUMN time_zone         text NOT NULL DEFAULT 'UTC',
    ADD COLUMN anchor_at         timestamptz,
    ADD COLUMN cycle_unit        smallint NOT NULL DEFAULT 0,
    ADD COLUMN cycle_no          integer NOT NULL DEFAULT 0,
    ADD COLUMN cycle_starts_at   timestamptz,
    ADD COLUMN cycle_ends_at     timestamptz,
    ADD COLUMN hold_max_micros   bigint,
    ADD COLUMN hold_ttl_max_ms   bigint,
    ADD COLUMN open_holds_max    bigint;

GRANT SELECT, INSERT ON creditgate.plans TO creditgate_server;
-- Denials name the limit. A server of the version before reads the columns it knows.
ALTER TYPE creditgate.verdict ADD ATTRIBUTE limit_name text;
ALTER TYPE creditgate.result ADD ATTRIBUTE limit_name text;
DROP FUNCTION IF EXISTS creditgate.update_account(smallint, uuid, bigint, smallint, smallint);
DROP FUNCTION IF EXISTS creditgate.has_room(creditgate.accounts, bigint);
DROP FUNCTION IF EXISTS creditgate.give_back(creditgate.accounts, integer, bigint, boolean);

-- Packages that come again with every cycle until they are cancelled.
CREATE TABLE creditgate.addons (
    bucket        smallint NOT NULL,
    account_key   uuid NOT NULL,
    addon_id      text NOT NULL,
    amount_micros bigint NOT NULL,
    lasts         boolean NOT NULL,
    priority      integer NOT NULL,
    fingerprint   bytea NOT NULL,
    created_at    timestamptz NOT NULL,
    cancelled_at  timestamptz,
    PRIMARY KEY (bucket, account_key, addon_id),
    CHECK (amount_micros BETWEEN 1 AND 1000000000000000000)
);
COMMENT ON COLUMN creditgate.addons.lasts IS 'true: what is left outlives the cycle';
GRANT SELECT, INSERT, UPDATE ON creditgate.addons TO creditgate_server;
