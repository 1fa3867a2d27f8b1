-- Requests with an Idempotency-Key, for a day. What the columns mean stands beside PostgreSQL's.
CREATE TABLE idempotency_keys (
    username    TEXT    NOT NULL REFERENCES users ON DELETE CASCADE,
    key         TEXT    NOT NULL,
    method      TEXT    NOT NULL,
    path        TEXT    NOT NULL,
    fingerprint BLOB    NOT NULL,
    created     INTEGER NOT NULL,
    attempt     BLOB    NOT NULL,
    heard       INTEGER NOT NULL,
    changed     INTEGER,
    object      TEXT,
    status      INTEGER,
    PRIMARY KEY (username, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created);
