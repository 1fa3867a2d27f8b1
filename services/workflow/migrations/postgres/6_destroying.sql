-- Since when an app is being destroyed: its row goes last.
ALTER TABLE apps ADD COLUMN destroying bigint;
