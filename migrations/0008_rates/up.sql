-- The price of a meter. A model without a rate of its own falls back to the meter's rate of the model '*'. Whatever goes
-- beyond tier_from[i] costs tier_prices_micros[i] a unit; both are NULL where there are no tiers.
CREATE TYPE creditgate.rate AS (
    meter                 text,
    model                 text,
    unit_price_micros     bigint,
    unit_size             bigint,
    connection_fee_micros bigint,
    minimum               bigint,
    initial               bigint,
    increment             bigint,
    tier_from             bigint[],
    tier_prices_micros    bigint[]
);

-- What tenants ask for work. A version never changes.
CREATE TABLE creditgate.rate_cards (
    tenant_id    uuid NOT NULL REFERENCES creditgate.tenants,
    rate_card_id text NOT NULL,
    version      integer NOT NULL CHECK (version > 0),
    name         text NOT NULL,
    fingerprint  bytea NOT NULL,
    created_at   timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, rate_card_id, version)
);
CREATE TABLE creditgate.rates (
    tenant_id    uuid NOT NULL,
    rate_card_id text NOT NULL,
    version      integer NOT NULL,
    meter        text COLLATE "C" NOT NULL,
    model        text COLLATE "C" NOT NULL CHECK (model <> ''),
    rate         creditgate.rate NOT NULL,
    PRIMARY KEY (tenant_id, rate_card_id, version, meter, model),
    FOREIGN KEY (tenant_id, rate_card_id, version) REFERENCES creditgate.rate_cards,
    CHECK ((rate).unit_price_micros >= 0 AND (rate).unit_size >= 0 AND (rate).connection_fee_micros >= 0
           AND (rate).minimum >= 0 AND (rate).initial >= 0 AND (rate).increment >= 0
           AND (rate).meter = meter AND (rate).model = model)
);

-- The rate cards of versions of plans that have one.
CREATE TABLE creditgate.plan_rate_cards (
    tenant_id         uuid NOT NULL,
    plan_id           text NOT NULL,
    version           integer NOT NULL,
    rate_card_id      text NOT NULL,
    rate_card_version integer NOT NULL,
    PRIMARY KEY (tenant_id, plan_id, version),
    FOREIGN KEY (tenant_id, plan_id, version) REFERENCES creditgate.plans,
    FOREIGN KEY (tenant_id, rate_card_id, rate_card_version) REFERENCES creditgate.rate_cards
);

ALTER TABLE creditgate.accounts
    ADD COLUMN rate_card_id      text,
    ADD COLUMN rate_card_version integer;

-- The rate a hold was opened with, and the most that was reported in its unit; NULL of a hold made by amount.
ALTER TABLE creditgate.holds
    ADD COLUMN rate          creditgate.rate,
    ADD COLUMN used_quantity bigint;

-- The work an operation speaks of in the caller's own unit: ordinal is its place among the operations. What a Reserve or
-- Charge is for, or the total of an Extend; and what an Extend or Commit reports. NULL where it does not say.
CREATE TYPE creditgate.usage AS (
    ordinal       bigint,
    meter         text,
    model         text,
    quantity      bigint,
    used_quantity bigint
);

ALTER TYPE creditgate.result
    ADD ATTRIBUTE hold_used_quantity    bigint,
    ADD ATTRIBUTE hold_rate             creditgate.rate,
    ADD ATTRIBUTE hold_granted_quantity bigint,
    ADD ATTRIBUTE affordable_quantity   bigint;

GRANT SELECT, INSERT ON creditgate.rate_cards, creditgate.rates, creditgate.plan_rate_cards TO creditgate_server;
