-- Whether the release's own command was run to its good end: it runs once.
ALTER TABLE releases ADD COLUMN phase_done boolean NOT NULL DEFAULT false;
