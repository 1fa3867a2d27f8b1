-- Whether an administrator lets an app's images run as root.
ALTER TABLE apps ADD COLUMN allow_root boolean NOT NULL DEFAULT false;
