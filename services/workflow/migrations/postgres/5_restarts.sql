-- Pods that are to be replaced in place; a row goes when its pod is gone.
CREATE TABLE restarts (
    app     text NOT NULL REFERENCES apps ON DELETE CASCADE,
    pod_uid text NOT NULL,
    asked   bigint NOT NULL,
    PRIMARY KEY (app, pod_uid)
);
