ALTER TABLE apps
    -- How the routers are to serve it: routable, maintenance, whitelist, https_enforced.
    ADD COLUMN IF NOT EXISTS rules  jsonb NOT NULL DEFAULT '{}',
    -- Notes of its owners, key to value.
    ADD COLUMN IF NOT EXISTS labels jsonb NOT NULL DEFAULT '{}';
