# Drops what restores and rehearsals that were killed have left. A rehearsal of today may still be under way.
psql -XqAt -v ON_ERROR_STOP=1 --dbname=postgres >/dev/null <<'END'
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', datname) FROM pg_database
WHERE datname ~ '^deis_restore_[0-9]+(_before)?$'
  OR to_timestamp(substring(datname FROM '^deis_verify_([0-9]+)$')::bigint / 1000) < now() - interval '1 day' \gexec
END
