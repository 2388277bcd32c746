-- Overage policy DENY.
ALTER TABLE creditgate.plans
    DROP CONSTRAINT plans_overage_policy_check,
    ADD CONSTRAINT plans_overage_policy_check CHECK (overage_policy BETWEEN 1 AND 3);

-- What some of an account's holds may spend, and how many of them may be open. budget_no names what is counted: it is
-- kept while limits change, and is another one when something else is counted.
CREATE TYPE creditgate.budget AS (
    budget_id        text,
    attribute        text,
    value            text,
    together         boolean,
    period           smallint,
    spend_max_micros bigint,
    open_holds_max   bigint,
    own              boolean,
    budget_no        integer
);
COMMENT ON COLUMN creditgate.budget.period IS '1 total, 2 day, 3 cycle';
COMMENT ON COLUMN creditgate.budget.own IS 'true: the account''s own, false: its plan''s';

-- Sorted by budget_id; NULL where there are none. budget_numbers is the last number given to a budget or a counter.
ALTER TABLE creditgate.accounts
    ADD COLUMN budgets        creditgate.budget[],
    ADD COLUMN budget_numbers integer NOT NULL DEFAULT 0;

-- The counters a hold is on; NULL where there are none.
ALTER TABLE creditgate.holds ADD COLUMN counters integer[];

-- The budgets of versions of plans that have some.
CREATE TABLE creditgate.plan_budgets (
    tenant_id uuid NOT NULL,
    plan_id   text NOT NULL,
    version   integer NOT NULL,
    budgets   creditgate.budget[] NOT NULL CHECK (cardinality(budgets) BETWEEN 1 AND 8),
    PRIMARY KEY (tenant_id, plan_id, version),
    FOREIGN KEY (tenant_id, plan_id, version) REFERENCES creditgate.plans
);

-- Where a budget stands for one value of its attribute. spent_micros is of the period that ends at period_ends_at, and
-- sums up the charges that came after since_version.
CREATE TABLE creditgate.budget_counters (
    bucket         smallint NOT NULL,
    account_key    uuid NOT NULL,
    counter_no     integer NOT NULL,
    budget_no      integer NOT NULL,
    value          text COLLATE "C" NOT NULL,
    period         smallint NOT NULL,
    spent_micros   bigint NOT NULL,
    held_micros    bigint NOT NULL,
    open_holds     bigint NOT NULL,
    since_version  bigint NOT NULL,
    period_ends_at timestamptz NOT NULL,
    PRIMARY KEY (bucket, account_key, counter_no),
    CHECK (spent_micros BETWEEN 0 AND 4000000000000000000 AND held_micros >= 0 AND open_holds >= 0)
) WITH (fillfactor = 50);
-- Every number is positive. The condition keeps look-ups by counter_no, which do not state it, away from this index: in a
-- plan that was made while the table was empty it would look as good as the primary key.
CREATE UNIQUE INDEX budget_counters_by_value ON creditgate.budget_counters (bucket, account_key, budget_no, value)
    WHERE budget_no > 0;

-- What one operation has at stake in one budget: the place of its counter among those of the batch (0: there is none
-- yet), the budget's name, what may still be spent (NULL: no limit), and whether no further hold may be opened.
CREATE TYPE creditgate.stake AS (
    place       integer,
    budget_no   integer,
    value       text,
    period      smallint,
    budget_id   text,
    left_micros numeric,
    is_full     boolean
);

GRANT SELECT, INSERT ON creditgate.plan_budgets TO creditgate_server;
GRANT SELECT, INSERT, UPDATE ON creditgate.budget_counters TO creditgate_server;
