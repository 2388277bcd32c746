-- What the hold of a charge had used in all when it was charged, in the unit of its meter; of a hold with several, line by
-- line. NULL of a hold without meters, and of what is no charge.
ALTER TABLE creditgate.entries
    ADD COLUMN used_quantity   bigint,
    ADD COLUMN used_quantities bigint[];

-- Sums of an account's entries, as far as usage_progress says. Every entry is in the rows of its quarter of an hour and in
-- those of its day. grouping 0 has all of them; the others, each for itself, those whose work names a value. Sums stop at
-- the ends of bigint.
CREATE TABLE creditgate.usage_slots (
    bucket        smallint NOT NULL,
    account_key   uuid NOT NULL,
    grouping      smallint NOT NULL CHECK (grouping = 0 OR grouping BETWEEN 4 AND 8),
    key           text COLLATE "C" NOT NULL,
    unit          smallint NOT NULL CHECK (unit IN (0, 2)),
    slot          timestamptz NOT NULL,
    kind          smallint NOT NULL,
    type          text COLLATE "C" NOT NULL,
    meter         text COLLATE "C" NOT NULL,
    model         text COLLATE "C" NOT NULL,
    value         text COLLATE "C" NOT NULL,
    amount_micros bigint NOT NULL,
    quantity      bigint NOT NULL,
    holds         bigint NOT NULL,
    PRIMARY KEY (bucket, account_key, grouping, key, unit, slot, kind, type, meter, model, value)
) WITH (fillfactor = 90);
COMMENT ON COLUMN creditgate.usage_slots.grouping IS
    '0 none, 4 agent, 5 user, 6 topic, 7 conversation, 8 the label key, as creditgate_server.domain.usage.Grouping';
COMMENT ON COLUMN creditgate.usage_slots.unit IS '0 a quarter of an hour, 2 a day in the time zone of usage_progress';

-- How far an account's entries are summed up, and whose days they are.
CREATE TABLE creditgate.usage_progress (
    bucket      smallint NOT NULL,
    account_key uuid NOT NULL,
    version     bigint NOT NULL,
    time_zone   text NOT NULL,
    PRIMARY KEY (bucket, account_key)
) WITH (fillfactor = 50);

-- Sums can be worked out again from the entries, so they may be forgotten.
GRANT SELECT, INSERT, UPDATE, DELETE ON creditgate.usage_slots, creditgate.usage_progress TO creditgate_server;
