-- One meter of a hold that has several: its price, the most that was asked of it, the most that was reported, and the
-- model by which it was asked (the rate's own may be '*').
CREATE TYPE creditgate.line AS (
    rate          creditgate.rate,
    quantity      bigint,
    used_quantity bigint,
    model         text
);

-- NULL of holds without: the meters of a hold that has several; the gateway of a call, by its name, by the key that is
-- searched for and by its start; what the call may cost beyond what was granted.
ALTER TABLE creditgate.holds
    ADD COLUMN lines          creditgate.line[],
    ADD COLUMN gateway_id     text,
    ADD COLUMN gateway_key    uuid,
    ADD COLUMN gateway_epoch  bigint,
    ADD COLUMN offline_micros bigint;

-- What an operation says besides its amounts: ordinal is its place among the operations, and an operation may have several
-- rows. What a Reserve or Charge is for, or the total of an Extend; and what an Extend or Commit reports. A card in the
-- place of the account's, and until when a new hold may be priced by it; whether the operation is only carried out where the one before it was not refused; the gateway
-- of a call. NULL where it does not say.
CREATE TYPE creditgate.metered AS (
    ordinal           bigint,
    meter             text,
    model             text,
    quantity          bigint,
    used_quantity     bigint,
    rate_card_id      text,
    rate_card_version integer,
    depends           boolean,
    gateway_id        text,
    gateway_key       uuid,
    gateway_epoch     bigint,
    pinned_until      timestamptz
);

-- The hold's lines and how far each may go, in their order; and which of an operation's rows nothing prices.
ALTER TYPE creditgate.result
    ADD ATTRIBUTE hold_lines            creditgate.line[],
    ADD ATTRIBUTE affordable_quantities bigint[],
    ADD ATTRIBUTE unpriced_row          integer;
