-- Times are milliseconds since 1970-01-01T00:00:00Z, written by the service.

CREATE TABLE users (
    username     text PRIMARY KEY,
    email        text NOT NULL,
    first_name   text NOT NULL,
    last_name    text NOT NULL,
    -- A PHC string (argon2id).
    password     text NOT NULL,
    is_superuser boolean NOT NULL,
    is_staff     boolean NOT NULL,
    is_active    boolean NOT NULL,
    last_login   bigint,
    joined       bigint NOT NULL
);

CREATE TABLE tokens (
    -- SHA-256 of the token's text.
    hash     bytea PRIMARY KEY,
    username text NOT NULL REFERENCES users ON DELETE CASCADE,
    created  bigint NOT NULL
);
CREATE INDEX tokens_of_user ON tokens (username, created);

CREATE TABLE keys (
    uuid        uuid PRIMARY KEY,
    owner       text NOT NULL REFERENCES users ON DELETE CASCADE,
    id          text NOT NULL,
    public      text NOT NULL,
    -- The key as SSH sends it (RFC 4253, section 6.6).
    blob        bytea NOT NULL,
    fingerprint text NOT NULL,
    created     bigint NOT NULL,
    updated     bigint NOT NULL,
    CONSTRAINT keys_id UNIQUE (id),
    CONSTRAINT keys_blob UNIQUE (blob)
);
CREATE INDEX keys_of_owner ON keys (owner, public);

CREATE TABLE apps (
    id              text PRIMARY KEY,
    uuid            uuid NOT NULL,
    owner           text NOT NULL REFERENCES users,
    -- Process type to replicas asked for.
    structure       jsonb NOT NULL,
    -- The release that is to serve: not always the highest, a failed one is above it.
    desired_release bigint NOT NULL,
    -- Grows whenever the deploy lock is taken; a deploy writes only under the fence that it took.
    fence           bigint NOT NULL,
    created         bigint NOT NULL,
    updated         bigint NOT NULL
);
CREATE INDEX apps_of_owner ON apps (owner, id);

-- Immutable snapshots.
CREATE TABLE configs (
    uuid    uuid PRIMARY KEY,
    app     text NOT NULL REFERENCES apps ON DELETE CASCADE,
    owner   text NOT NULL,
    -- Variable to value.
    entries jsonb NOT NULL,
    created bigint NOT NULL
);

-- Immutable.
CREATE TABLE builds (
    uuid       uuid PRIMARY KEY,
    app        text NOT NULL REFERENCES apps ON DELETE CASCADE,
    owner      text NOT NULL,
    image      text NOT NULL,
    sha        text NOT NULL,
    -- Process type to command.
    procfile   jsonb NOT NULL,
    dockerfile text NOT NULL,
    created    bigint NOT NULL
);
CREATE INDEX builds_of_app ON builds (app, created);

CREATE TABLE releases (
    uuid         uuid PRIMARY KEY,
    app          text NOT NULL REFERENCES apps ON DELETE CASCADE,
    version      bigint NOT NULL,
    owner        text NOT NULL,
    summary      text NOT NULL,
    -- Takes the place of the summary when the deploy fails.
    summary_if_failed text NOT NULL,
    state        text NOT NULL CHECK (state IN ('deploying', 'good', 'failed')),
    -- Why it failed: a stable code, one sentence, the last lines of its process.
    failure_code text,
    exception    text,
    log_tail     jsonb,
    config       uuid NOT NULL REFERENCES configs,
    build        uuid REFERENCES builds,
    created      bigint NOT NULL,
    updated      bigint NOT NULL,
    CONSTRAINT releases_version UNIQUE (app, version)
);
-- At most one deploy of an app is under way.
CREATE UNIQUE INDEX releases_deploying ON releases (app) WHERE state = 'deploying';

-- What a request made, so that its repeat finds it.
CREATE TABLE requests (
    app     text NOT NULL REFERENCES apps ON DELETE CASCADE,
    key     text NOT NULL,
    version bigint NOT NULL,
    created bigint NOT NULL,
    PRIMARY KEY (app, key)
);
