-- What was done to accounts and to the platform is read by itself, the newest first: a small part of all that was done.
CREATE INDEX IF NOT EXISTS audit_of_accounts ON audit (at DESC, subject, number DESC) WHERE subject NOT LIKE 'app:%';
