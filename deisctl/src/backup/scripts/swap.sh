# Puts a database in the place of the ledger that is in use, in one transaction.
#
# What Kubernetes holds of an app carries the fence of its last deploy, which may be higher than the backup's: seconds since 1970
# are above all of them, and those of the next restore above these. A new intent has the controller look at every app.
psql -XqAt -v ON_ERROR_STOP=1 --dbname="$1" --command="
  UPDATE apps SET fence = greatest(fence + 1, extract(epoch FROM now())::bigint), intent = intent + 1"
psql -XqAt -v ON_ERROR_STOP=1 -v new="$1" -v old="$1_before" -v ledger="$PGDATABASE" --dbname=postgres <<'END'
SELECT count(pg_terminate_backend(pid)) AS ended FROM pg_stat_activity WHERE datname = :'ledger' \gset
BEGIN;
ALTER DATABASE :"ledger" RENAME TO :"old";
ALTER DATABASE :"new" RENAME TO :"ledger";
COMMIT;
DROP DATABASE :"old" WITH (FORCE);
END
