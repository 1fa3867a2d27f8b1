-- How an app's pods are shaped, and the credentials of a registry of its own; snapshots like the variables.
ALTER TABLE configs
    -- Process type to limit, or to request/limit.
    ADD COLUMN memory      jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN cpu         jsonb NOT NULL DEFAULT '{}',
    -- Labels that a node must have.
    ADD COLUMN tags        jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN registry    jsonb NOT NULL DEFAULT '{}',
    -- Process type to the name of a probe to the probe, in the form of Kubernetes.
    ADD COLUMN healthcheck jsonb NOT NULL DEFAULT '{}';
