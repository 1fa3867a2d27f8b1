-- What is known of an image that was built elsewhere: its user, port, entry point and command. Null for what was built here.
ALTER TABLE builds ADD COLUMN pulled jsonb;
