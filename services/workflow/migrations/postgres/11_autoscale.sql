ALTER TABLE apps
    -- Process type to its rule: min, max, cpu_percent.
    ADD COLUMN IF NOT EXISTS autoscale  jsonb NOT NULL DEFAULT '{}',
    -- Process type to the release whose controller has its number, which an autoscaler sets: what the structure says is old then.
    ADD COLUMN IF NOT EXISTS autoscaled jsonb NOT NULL DEFAULT '{}';
