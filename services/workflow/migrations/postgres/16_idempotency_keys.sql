-- Requests with an Idempotency-Key, for a day: what became of them, and never what was asked or answered, where secrets stand.
CREATE TABLE IF NOT EXISTS idempotency_keys (
    username    text   NOT NULL REFERENCES users ON DELETE CASCADE,
    key         text   NOT NULL,
    method      text   NOT NULL,
    path        text   NOT NULL,
    -- HMAC-SHA-256 of the whole request; its key is not in the database.
    fingerprint bytea  NOT NULL,
    created     bigint NOT NULL,
    -- Who is at it, and when he last said that he is alive.
    attempt     uuid   NOT NULL,
    heard       bigint NOT NULL,
    -- When the change was made, in the same transaction; NULL before.
    changed     bigint,
    -- The path of what the answer showed, if it showed anything.
    object      text,
    -- The status of the answer; NULL before.
    status      bigint,
    PRIMARY KEY (username, key)
);
CREATE INDEX IF NOT EXISTS idempotency_keys_by_age ON idempotency_keys (created);
