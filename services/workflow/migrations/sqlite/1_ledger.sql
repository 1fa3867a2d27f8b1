-- Times are milliseconds since 1970-01-01T00:00:00Z, written by the service. What the columns mean stands beside PostgreSQL's.

CREATE TABLE users (
    username     TEXT NOT NULL PRIMARY KEY,
    email        TEXT NOT NULL,
    first_name   TEXT NOT NULL,
    last_name    TEXT NOT NULL,
    password     TEXT NOT NULL,
    is_superuser BOOLEAN NOT NULL,
    is_staff     BOOLEAN NOT NULL,
    is_active    BOOLEAN NOT NULL,
    last_login   INTEGER,
    joined       INTEGER NOT NULL
);

CREATE TABLE tokens (
    hash     BLOB NOT NULL PRIMARY KEY,
    username TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    created  INTEGER NOT NULL
);
CREATE INDEX tokens_of_user ON tokens (username, created);

CREATE TABLE keys (
    uuid        BLOB NOT NULL PRIMARY KEY,
    owner       TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    id          TEXT NOT NULL UNIQUE,
    public      TEXT NOT NULL,
    blob        BLOB NOT NULL UNIQUE,
    fingerprint TEXT NOT NULL,
    created     INTEGER NOT NULL,
    updated     INTEGER NOT NULL
);
CREATE INDEX keys_of_owner ON keys (owner, public);

CREATE TABLE apps (
    id              TEXT NOT NULL PRIMARY KEY,
    uuid            BLOB NOT NULL,
    owner           TEXT NOT NULL REFERENCES users,
    structure       TEXT NOT NULL,
    desired_release INTEGER NOT NULL,
    fence           INTEGER NOT NULL,
    created         INTEGER NOT NULL,
    updated         INTEGER NOT NULL,
    intent          INTEGER NOT NULL DEFAULT 0,
    settled         INTEGER NOT NULL DEFAULT 0,
    destroying      INTEGER,
    allow_root      BOOLEAN NOT NULL DEFAULT false
);
CREATE INDEX apps_of_owner ON apps (owner, id);

CREATE TABLE domains (
    domain  TEXT NOT NULL PRIMARY KEY,
    app     TEXT NOT NULL REFERENCES apps ON DELETE CASCADE,
    owner   TEXT NOT NULL,
    created INTEGER NOT NULL
);
CREATE INDEX domains_of_app ON domains (app, domain);

CREATE TABLE collaborators (
    app      TEXT NOT NULL REFERENCES apps ON DELETE CASCADE,
    username TEXT NOT NULL REFERENCES users ON DELETE CASCADE,
    granted  INTEGER NOT NULL,
    PRIMARY KEY (app, username)
);
CREATE INDEX collaborators_of_user ON collaborators (username, app);

CREATE TABLE restarts (
    app     TEXT NOT NULL REFERENCES apps ON DELETE CASCADE,
    pod_uid TEXT NOT NULL,
    asked   INTEGER NOT NULL,
    PRIMARY KEY (app, pod_uid)
);

CREATE TABLE configs (
    uuid        BLOB NOT NULL PRIMARY KEY,
    app         TEXT NOT NULL REFERENCES apps ON DELETE CASCADE,
    owner       TEXT NOT NULL,
    entries     TEXT NOT NULL,
    created     INTEGER NOT NULL,
    memory      TEXT NOT NULL DEFAULT '{}',
    cpu         TEXT NOT NULL DEFAULT '{}',
    tags        TEXT NOT NULL DEFAULT '{}',
    registry    TEXT NOT NULL DEFAULT '{}',
    healthcheck TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX configs_of_app ON configs (app);

CREATE TABLE builds (
    uuid         BLOB NOT NULL PRIMARY KEY,
    app          TEXT NOT NULL REFERENCES apps ON DELETE CASCADE,
    owner        TEXT NOT NULL,
    image        TEXT NOT NULL,
    sha          TEXT NOT NULL,
    procfile     TEXT NOT NULL,
    dockerfile   TEXT NOT NULL,
    created      INTEGER NOT NULL,
    state        TEXT NOT NULL DEFAULT 'succeeded' CHECK (state IN ('succeeded', 'failed', 'cancelled')),
    failure_code TEXT,
    failure      TEXT,
    log          TEXT NOT NULL DEFAULT '',
    request      TEXT,
    pulled       TEXT,
    UNIQUE (app, request)
);
CREATE INDEX builds_of_app ON builds (app, created);

CREATE TABLE releases (
    uuid              BLOB NOT NULL PRIMARY KEY,
    app               TEXT NOT NULL REFERENCES apps ON DELETE CASCADE,
    version           INTEGER NOT NULL,
    owner             TEXT NOT NULL,
    summary           TEXT NOT NULL,
    summary_if_failed TEXT NOT NULL,
    state             TEXT NOT NULL CHECK (state IN ('deploying', 'good', 'failed')),
    failure_code      TEXT,
    exception         TEXT,
    log_tail          TEXT,
    config            BLOB NOT NULL REFERENCES configs,
    build             BLOB REFERENCES builds,
    created           INTEGER NOT NULL,
    updated           INTEGER NOT NULL,
    phase_done        BOOLEAN NOT NULL DEFAULT false,
    UNIQUE (app, version)
);
CREATE UNIQUE INDEX releases_deploying ON releases (app) WHERE state = 'deploying';

CREATE TABLE requests (
    app     TEXT NOT NULL REFERENCES apps ON DELETE CASCADE,
    key     TEXT NOT NULL,
    version INTEGER NOT NULL,
    created INTEGER NOT NULL,
    PRIMARY KEY (app, key)
);
