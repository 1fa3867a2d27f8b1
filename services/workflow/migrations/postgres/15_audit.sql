-- Who did what: one chain for each subject, of which nothing is ever changed or deleted.
CREATE TABLE IF NOT EXISTS audit (
    -- app:{uuid}, user:{username} or platform.
    subject  text   NOT NULL,
    -- From 1, none missing.
    number   bigint NOT NULL,
    at       bigint NOT NULL,
    -- NULL for the platform itself, and for whoever has no account yet.
    username text,
    address  text,
    action   text   NOT NULL,
    -- JSON as it was hashed, secrets masked.
    before   text   NOT NULL,
    after    text   NOT NULL,
    -- SHA-256 over the entry and the hash of the one before.
    hash     bytea  NOT NULL,
    PRIMARY KEY (subject, number)
);
