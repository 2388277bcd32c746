CREATE SCHEMA creditgate;

-- Who runs agents or gateways on Creditgate.
CREATE TABLE creditgate.tenants (
    tenant_id  uuid PRIMARY KEY,
    name       text NOT NULL UNIQUE CHECK (name <> ''),
    created_at timestamptz NOT NULL DEFAULT now()
);

-- The keys tenants call with; only a digest is kept.
CREATE TABLE creditgate.api_keys (
    key_id     text PRIMARY KEY,
    tenant_id  uuid NOT NULL REFERENCES creditgate.tenants,
    digest     bytea NOT NULL,
    scopes     text[] NOT NULL CHECK (scopes <@ ARRAY['authorize', 'read', 'admin']),
    name       text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz
);
CREATE INDEX api_keys_by_tenant ON creditgate.api_keys (tenant_id);

-- One wallet of one customer. settled, held and debt are sums kept with every change; see creditgate.verify.
CREATE TABLE creditgate.accounts (
    bucket                 smallint NOT NULL,
    account_key            uuid NOT NULL,
    tenant_id              uuid NOT NULL,
    account_id             text NOT NULL,
    status                 smallint NOT NULL,
    overage_policy         smallint NOT NULL,
    overdraft_limit_micros bigint NOT NULL,
    settled_micros         bigint NOT NULL DEFAULT 0,
    held_micros            bigint NOT NULL DEFAULT 0,
    debt_micros            bigint NOT NULL DEFAULT 0,
    open_holds             bigint NOT NULL DEFAULT 0,
    grant_count            integer NOT NULL DEFAULT 0,
    version                bigint NOT NULL DEFAULT 0,
    due_at                 timestamptz NOT NULL DEFAULT 'infinity',
    labels                 jsonb NOT NULL DEFAULT '{}',
    opened_as              jsonb NOT NULL DEFAULT '[]',
    created_at             timestamptz NOT NULL,
    PRIMARY KEY (bucket, account_key),
    -- One guard: each would be parsed anew for every statement.
    CHECK (held_micros >= 0 AND open_holds >= 0 AND debt_micros >= 0 AND settled_micros >= -debt_micros
           AND settled_micros BETWEEN -4000000000000000000 AND 4000000000000000000
           AND overdraft_limit_micros BETWEEN 0 AND 1000000000000000000)
) WITH (fillfactor = 50);
CREATE INDEX accounts_due ON creditgate.accounts (bucket, due_at) WHERE due_at < 'infinity';
CREATE INDEX accounts_by_tenant ON creditgate.accounts (tenant_id, account_id);

-- Credits given. remaining is what can still be drawn, or will be once it is effective; of an ended grant only what open
-- holds carry remains.
CREATE TABLE creditgate.grants (
    bucket           smallint NOT NULL,
    account_key      uuid NOT NULL,
    seq              integer NOT NULL,
    grant_id         text NOT NULL,
    kind             smallint NOT NULL,
    state            smallint NOT NULL,
    spendable        boolean NOT NULL,
    amount_micros    bigint NOT NULL,
    remaining_micros bigint NOT NULL,
    repaid_micros    bigint NOT NULL DEFAULT 0,
    priority         integer NOT NULL,
    effective_at     timestamptz NOT NULL,
    expires_at       timestamptz,
    reference        text NOT NULL DEFAULT '',
    fingerprint      bytea NOT NULL,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (bucket, account_key, seq),
    UNIQUE (bucket, account_key, grant_id),
    CHECK (amount_micros > 0 AND remaining_micros BETWEEN 0 AND amount_micros AND repaid_micros >= 0
           AND spendable = (state > 1 AND remaining_micros > 0))
) WITH (fillfactor = 50);
CREATE INDEX grants_spendable ON creditgate.grants (bucket, account_key) WHERE spendable;

-- Credits set aside. A row without a decision is the tombstone of a Release that came before its Reserve.
CREATE TABLE creditgate.holds (
    bucket             smallint NOT NULL,
    account_key        uuid NOT NULL,
    hold_id            text NOT NULL,
    state              smallint NOT NULL,
    decision           smallint,
    asked_micros       bigint NOT NULL,
    reserved_micros    bigint NOT NULL,
    granted_micros     bigint NOT NULL,
    held_micros        bigint NOT NULL,
    carried_micros     bigint NOT NULL DEFAULT 0,
    used_micros        bigint NOT NULL,
    charged_micros     bigint NOT NULL,
    uncollected_micros bigint NOT NULL,
    refunded_micros    bigint NOT NULL DEFAULT 0,
    late               boolean NOT NULL DEFAULT false,
    closed             boolean NOT NULL DEFAULT false,
    fingerprint        bytea,
    created_at         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    settled_at         timestamptz,
    termination_cause  text NOT NULL DEFAULT '',
    details            jsonb,
    PRIMARY KEY (bucket, account_key, hold_id),
    CHECK (used_micros = charged_micros + uncollected_micros AND charged_micros >= 0 AND uncollected_micros >= 0
           AND held_micros = CASE state WHEN 1 THEN greatest(granted_micros - used_micros, 0) ELSE 0 END
           AND carried_micros BETWEEN 0 AND held_micros AND refunded_micros BETWEEN 0 AND charged_micros
           AND (state = 1) = (settled_at IS NULL))
) WITH (fillfactor = 80);
CREATE INDEX holds_open ON creditgate.holds (bucket, account_key, expires_at) WHERE state = 1;

-- One immutable line of an account's ledger. drawn_micros[i] was taken from (or, refunded, given back to) the grant
-- grant_seqs[i]; what of the amount is not drawn became, or paid, debt.
CREATE TABLE creditgate.entries (
    bucket         smallint NOT NULL,
    account_key    uuid NOT NULL,
    version        bigint NOT NULL,
    line           smallint NOT NULL,
    kind           smallint NOT NULL,
    amount_micros  bigint NOT NULL,
    settled_micros bigint NOT NULL,
    hold_id        text,
    name           text,
    grant_seqs     integer[] NOT NULL,
    drawn_micros   bigint[] NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (bucket, account_key, version, line),
    CHECK (amount_micros <> 0 AND version > 0 AND cardinality(drawn_micros) = cardinality(grant_seqs))
);
CREATE INDEX entries_by_hold ON creditgate.entries (bucket, account_key, hold_id) WHERE hold_id IS NOT NULL;
COMMENT ON COLUMN creditgate.entries.kind IS '1 grant, 2 charge, 3 refund, 4 expiry, 5 revocation';

-- Refunds by the names their callers chose.
CREATE TABLE creditgate.refunds (
    bucket         smallint NOT NULL,
    account_key    uuid NOT NULL,
    refund_id      text NOT NULL,
    hold_id        text NOT NULL,
    amount_micros  bigint NOT NULL CHECK (amount_micros > 0),
    expired_micros bigint NOT NULL CHECK (expired_micros >= 0),
    version        bigint NOT NULL,
    created_at     timestamptz NOT NULL,
    PRIMARY KEY (bucket, account_key, refund_id)
);

-- What the hot path is asked, in the order of creditgate_server.domain.operations.Operation.
CREATE TYPE creditgate.operation AS (
    verb              smallint,
    bucket            smallint,
    account_key       uuid,
    hold_id           text,
    amount_micros     bigint,
    minimum_micros    bigint,
    used_micros       bigint,
    ttl_ms            bigint,
    keep_open         boolean,
    fingerprint       bytea,
    termination_cause text,
    details           jsonb
);

-- What a decision function answers: the outcome, what it charges, and the hold as it is to stand.
CREATE TYPE creditgate.verdict AS (
    outcome            smallint,
    asked_micros       bigint,
    shortfall_micros   bigint,
    replayed           boolean,
    collected_micros   bigint,
    uncollected_micros bigint,
    hold               creditgate.holds
);

-- What the hot path answers: one row for each operation; the columns of the hold are NULL where there is none.
CREATE TYPE creditgate.result AS (
    ordinal                 bigint,
    outcome                 smallint,
    asked_micros            bigint,
    shortfall_micros        bigint,
    retry_at                timestamptz,
    replayed                boolean,
    charged_micros          bigint,
    uncollected_micros      bigint,
    settled_micros          bigint,
    held_micros             bigint,
    overdraft_limit_micros  bigint,
    version                 bigint,
    as_of                   timestamptz,
    hold_id                 text,
    hold_state              smallint,
    hold_granted_micros     bigint,
    hold_held_micros        bigint,
    hold_used_micros        bigint,
    hold_charged_micros     bigint,
    hold_uncollected_micros bigint,
    hold_refunded_micros    bigint,
    hold_created_at         timestamptz,
    hold_expires_at         timestamptz,
    hold_settled_at         timestamptz,
    hold_late               boolean,
    hold_termination_cause  text,
    hold_details            jsonb
);

-- The spendable grants of one account, in burn order.
CREATE TYPE creditgate.purse AS (
    bucket      smallint,
    account_key uuid,
    seqs        integer[],
    remaining   bigint[],
    ended       boolean[]
);

-- What was drawn from which grants of a purse, and what remains in it.
CREATE TYPE creditgate.draw AS (
    seqs      integer[],
    micros    bigint[],
    remaining bigint[],
    missing   bigint
);

-- What booking a change of a hold leaves: the account, its purse, the hold, and the entries written.
CREATE TYPE creditgate.booking AS (
    account creditgate.accounts,
    purse   creditgate.purse,
    hold    creditgate.holds,
    entries creditgate.entries[]
);

-- What the administration's functions answer.
CREATE TYPE creditgate.admin_result AS (
    outcome      smallint,
    replayed     boolean,
    moved_micros bigint,
    as_of        timestamptz,
    account      creditgate.accounts,
    granted      creditgate.grants,
    hold         creditgate.holds
);

-- The role the server runs as. It cannot change the schema, nor rewrite or remove what happened.
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'creditgate_server') THEN
        CREATE ROLE creditgate_server NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
    -- Roles belong to the whole cluster: another database's migration made it at the same moment.
    NULL;
END $$;
GRANT USAGE ON SCHEMA creditgate TO creditgate_server;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA creditgate TO creditgate_server;
GRANT UPDATE ON creditgate.accounts, creditgate.grants, creditgate.holds TO creditgate_server;
GRANT UPDATE (expires_at, revoked_at) ON creditgate.api_keys TO creditgate_server;
