-- An outside builder asks for the owner of each key that is shown to it. Not unique: two keys can be made that have the same one.
CREATE INDEX keys_of_fingerprint ON keys (fingerprint);
