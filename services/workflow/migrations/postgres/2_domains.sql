-- The names that an app is served under; its own is the first.
CREATE TABLE domains (
    domain  text PRIMARY KEY,
    app     text NOT NULL REFERENCES apps ON DELETE CASCADE,
    owner   text NOT NULL,
    created bigint NOT NULL
);
CREATE INDEX domains_of_app ON domains (app, domain);
INSERT INTO domains (domain, app, owner, created) SELECT id, id, owner, created FROM apps;

ALTER TABLE apps
    -- Grows whenever something is wanted of the cluster other than before.
    ADD COLUMN intent bigint NOT NULL DEFAULT 0,
    -- The intent up to which the cluster is known to be as wanted.
    ADD COLUMN settled bigint NOT NULL DEFAULT 0;
