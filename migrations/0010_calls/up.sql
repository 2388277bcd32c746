-- How the calls of a plan's accounts run; a max_duration_seconds of 0 is any length. The numbers of final_action and of
-- what is done on failures are those of the API.
CREATE TYPE creditgate.call_terms AS (
    max_duration_seconds      bigint,
    renew_before_ms           bigint,
    warn_before_ms            bigint,
    final_action              smallint,
    redirect_target           text,
    on_reserve_failure        smallint,
    on_extend_failure         smallint,
    offline_allowance_seconds bigint
);

-- The call terms of versions of plans whose terms are not as usual.
CREATE TABLE creditgate.plan_call_terms (
    tenant_id uuid NOT NULL,
    plan_id   text NOT NULL,
    version   integer NOT NULL,
    terms     creditgate.call_terms NOT NULL,
    PRIMARY KEY (tenant_id, plan_id, version),
    FOREIGN KEY (tenant_id, plan_id, version) REFERENCES creditgate.plans,
    CHECK ((terms).max_duration_seconds >= 0 AND (terms).offline_allowance_seconds >= 0
           AND (terms).renew_before_ms > 0 AND (terms).warn_before_ms >= 0
           AND (terms).final_action BETWEEN 1 AND 3
           AND ((terms).final_action = 2) = ((terms).redirect_target <> '')
           AND (terms).on_reserve_failure BETWEEN 1 AND 3 AND (terms).on_extend_failure BETWEEN 1 AND 3)
);

-- Those of the account's plan; NULL where they are as usual.
ALTER TABLE creditgate.accounts ADD COLUMN call_terms creditgate.call_terms;

-- How long a call may go on. final_reason is NULL unless no more is granted, as things stand; its numbers are those of the
-- API.
CREATE TYPE creditgate.quota AS (
    granted_quantity          bigint,
    funded_until              timestamptz,
    renew_before_ms           bigint,
    offline_allowance_seconds bigint,
    final_reason              smallint,
    terms                     creditgate.call_terms
);

ALTER TYPE creditgate.result
    ADD ATTRIBUTE hold_gateway_id    text,
    ADD ATTRIBUTE hold_gateway_epoch bigint,
    ADD ATTRIBUTE quota              creditgate.quota;

GRANT SELECT, INSERT ON creditgate.plan_call_terms TO creditgate_server;
