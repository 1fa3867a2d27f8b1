-- How an app's pods begin and end; snapshots like the rest of a config.
ALTER TABLE configs
    -- Process type to a command for the shell of the image.
    ADD COLUMN IF NOT EXISTS post_start    jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS pre_stop      jsonb NOT NULL DEFAULT '{}',
    -- Process type to seconds.
    ADD COLUMN IF NOT EXISTS grace_periods jsonb NOT NULL DEFAULT '{}';
