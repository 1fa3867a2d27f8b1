-- Who may use an app beside its owner.
CREATE TABLE collaborators (
    app      text NOT NULL REFERENCES apps ON DELETE CASCADE,
    username text NOT NULL REFERENCES users ON DELETE CASCADE,
    granted  bigint NOT NULL,
    PRIMARY KEY (app, username)
);
CREATE INDEX collaborators_of_user ON collaborators (username, app);
