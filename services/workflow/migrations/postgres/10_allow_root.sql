-- Whether an administrator lets an app's images run as root. Before there was a list of additions, it stood in the other one.
ALTER TABLE apps ADD COLUMN IF NOT EXISTS allow_root boolean NOT NULL DEFAULT false;
