CREATE TABLE certs (
    id          INTEGER NOT NULL PRIMARY KEY,
    name        TEXT NOT NULL UNIQUE,
    owner       TEXT NOT NULL REFERENCES users,
    chain       TEXT NOT NULL,
    key         TEXT NOT NULL,
    digest      TEXT NOT NULL,
    common_name TEXT,
    san         TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    starts      INTEGER NOT NULL,
    expires     INTEGER NOT NULL,
    issuer      TEXT NOT NULL,
    subject     TEXT NOT NULL,
    created     INTEGER NOT NULL
);
CREATE INDEX certs_of_owner ON certs (owner, name);
ALTER TABLE domains ADD COLUMN certificate INTEGER REFERENCES certs ON DELETE SET NULL;
CREATE INDEX domains_of_certificate ON domains (certificate);
