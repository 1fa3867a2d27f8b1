-- Who did what: one chain for each subject, of which nothing is ever changed or deleted. What the columns mean stands beside PostgreSQL's.
CREATE TABLE audit (
    subject  TEXT    NOT NULL,
    number   INTEGER NOT NULL,
    at       INTEGER NOT NULL,
    username TEXT,
    address  TEXT,
    action   TEXT    NOT NULL,
    before   TEXT    NOT NULL,
    after    TEXT    NOT NULL,
    hash     BLOB    NOT NULL,
    PRIMARY KEY (subject, number)
);
