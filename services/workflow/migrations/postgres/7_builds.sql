-- Builds that failed are kept too, and what people read while it was built.
ALTER TABLE builds
    ADD COLUMN state        text NOT NULL DEFAULT 'succeeded' CHECK (state IN ('succeeded', 'failed', 'cancelled')),
    -- Why it failed: a stable code, one sentence.
    ADD COLUMN failure_code text,
    ADD COLUMN failure      text,
    ADD COLUMN log          text NOT NULL DEFAULT '',
    -- The request that recorded a build without a release, so that its repeat finds it.
    ADD COLUMN request      text,
    ADD CONSTRAINT builds_request UNIQUE (app, request);
