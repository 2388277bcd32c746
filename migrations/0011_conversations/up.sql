-- What the conversations of a plan's accounts cost and when they end. The numbers of pricing are those of the API:
-- 1 messages, 2 sessions, 3 both.
CREATE TYPE creditgate.conversation_terms AS (
    pricing               smallint,
    inactivity_timeout_ms bigint,
    reopen_within_ms      bigint,
    conversation_meter    text,
    message_meter         text
);

-- The conversation terms of versions of plans whose terms are not as usual.
CREATE TABLE creditgate.plan_conversation_terms (
    tenant_id uuid NOT NULL,
    plan_id   text NOT NULL,
    version   integer NOT NULL,
    terms     creditgate.conversation_terms NOT NULL,
    PRIMARY KEY (tenant_id, plan_id, version),
    FOREIGN KEY (tenant_id, plan_id, version) REFERENCES creditgate.plans,
    CHECK ((terms).pricing BETWEEN 1 AND 3 AND (terms).inactivity_timeout_ms > 0 AND (terms).reopen_within_ms >= 0
           AND (terms).conversation_meter <> '' AND (terms).message_meter <> '')
);

-- Those of the account's plan; NULL where they are as usual.
ALTER TABLE creditgate.accounts ADD COLUMN conversation_terms creditgate.conversation_terms;

-- The sessions of conversations. ends_at is when a session ends, or has ended, if nothing more happens; ended_at is when it
-- was ended by a caller. credits counts the holds that were made for its credit: more than one where the first has expired
-- or was released before anything was charged.
CREATE TABLE creditgate.conversations (
    bucket            smallint NOT NULL,
    account_key       uuid NOT NULL,
    conversation_id   text COLLATE "C" NOT NULL,
    session           integer NOT NULL CHECK (session > 0),
    terms             creditgate.conversation_terms NOT NULL,
    type              text NOT NULL,
    started_at        timestamptz NOT NULL,
    last_activity_at  timestamptz NOT NULL,
    ends_at           timestamptz NOT NULL,
    ended_at          timestamptz,
    ending            smallint,
    termination_cause text NOT NULL DEFAULT '',
    messages          bigint NOT NULL DEFAULT 0,
    charged_micros    bigint NOT NULL DEFAULT 0,
    credits           integer NOT NULL DEFAULT 0,
    details           jsonb,
    PRIMARY KEY (bucket, account_key, conversation_id, session),
    CHECK (last_activity_at >= started_at AND ends_at > last_activity_at AND messages >= 0 AND charged_micros >= 0
           AND credits >= 0 AND (ended_at IS NULL) = (ending IS NULL))
) WITH (fillfactor = 70);
COMMENT ON COLUMN creditgate.conversations.ending IS '1 closed, 3 handed off; NULL: by the clock, if at all';
CREATE INDEX conversations_by_start
    ON creditgate.conversations (bucket, account_key, started_at, conversation_id, session);

-- What is known of messages by their names. One that was released before it was reserved is of session 0 and has no
-- fingerprint.
CREATE TABLE creditgate.messages (
    bucket          smallint NOT NULL,
    account_key     uuid NOT NULL,
    conversation_id text COLLATE "C" NOT NULL,
    message_id      text COLLATE "C" NOT NULL,
    session         integer NOT NULL,
    state           smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
    quantity        bigint NOT NULL,
    expires_at      timestamptz NOT NULL,
    fingerprint     bytea,
    PRIMARY KEY (bucket, account_key, conversation_id, message_id),
    CHECK ((session = 0) = (fingerprint IS NULL) AND (session > 0 OR state = 3))
) WITH (fillfactor = 70);
COMMENT ON COLUMN creditgate.messages.state IS '1 under way, 2 committed, 3 released';
CREATE INDEX messages_under_way
    ON creditgate.messages (bucket, account_key, conversation_id, session, expires_at) WHERE state = 1;

-- What a conversation is told, in the order of creditgate_server.domain.conversations.Utterance: verbs are 1 reserve,
-- 2 commit, 3 release, 4 close.
CREATE TYPE creditgate.utterance AS (
    verb              smallint,
    bucket            smallint,
    account_key       uuid,
    conversation_id   text,
    message_id        text,
    session           integer,
    type              text,
    meter             text,
    model             text,
    quantity          bigint,
    used_micros       bigint,
    used_quantity     bigint,
    ttl_ms            bigint,
    fingerprint       bytea,
    details           jsonb,
    termination_cause text,
    handed_off        boolean
);

-- What is known when an utterance is judged: the session it is about and the number of the latest, its message, the other
-- messages of the session that are neither committed nor released and when the last of them expires, and whether a hold for
-- the session's credit is open.
CREATE TYPE creditgate.context AS (
    session     creditgate.conversations,
    latest      integer,
    message     creditgate.messages,
    others      bigint,
    others_end  timestamptz,
    credit_open boolean
);

-- What is to be done for an utterance: the outcome where it is decided already, the session and the message as they are to
-- stand, and the operations, each with what it meters, that have to succeed together first.
CREATE TYPE creditgate.turn AS (
    outcome    smallint,
    replayed   boolean,
    opened     boolean,
    session    creditgate.conversations,
    message    creditgate.messages,
    credit     creditgate.operation,
    priced     creditgate.metered,
    saying     creditgate.operation,
    metered    creditgate.metered
);

-- What an utterance is answered; result is that of the message's hold.
CREATE TYPE creditgate.reply AS (
    ordinal                bigint,
    outcome                smallint,
    asked_micros           bigint,
    shortfall_micros       bigint,
    retry_at               timestamptz,
    replayed               boolean,
    opened                 boolean,
    charged_micros         bigint,
    uncollected_micros     bigint,
    late                   boolean,
    limit_name             text,
    settled_micros         bigint,
    held_micros            bigint,
    overdraft_limit_micros bigint,
    version                bigint,
    as_of                  timestamptz,
    session                creditgate.conversations,
    result                 creditgate.result
);

-- They are defined anew with more arguments: two of the name would be ambiguous.
DROP FUNCTION IF EXISTS creditgate.apply(creditgate.operation[], creditgate.metered[]);
DROP FUNCTION IF EXISTS creditgate.put_plan(
    creditgate.plans, creditgate.budget[], text, integer, creditgate.call_terms);

GRANT SELECT, INSERT ON creditgate.plan_conversation_terms TO creditgate_server;
GRANT SELECT, INSERT, UPDATE ON creditgate.conversations, creditgate.messages TO creditgate_server;
