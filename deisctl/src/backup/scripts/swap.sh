# Puts a database in the place of the ledger that is in use, in one transaction.
#
# What Kubernetes holds of an app carries the fence of its last deploy, which may be higher than the backup's: milliseconds since 1970
# are above all of them, and those of the next restore above these. A new intent has the controller look at every app.
psql -XqAt -v ON_ERROR_STOP=1 --dbname="$1" --command="
  UPDATE apps SET fence = greatest(fence + 1, (1000 * extract(epoch FROM now()))::bigint), intent = intent + 1"
# Nobody may be connected to a database that gets another name, and whoever is sent away may come back at once. PostgreSQL itself
# waits for some seconds before it gives up. When its answer was lost, the next try finds it done.
tries=10
until told=$(psql -XqAt -v ON_ERROR_STOP=1 -v new="$1" -v old="$1_before" -v ledger="$PGDATABASE" --dbname=postgres 2>&1 <<'END'
SELECT count(*) = 0 AS done FROM pg_database WHERE datname = :'new' \gset
\if :done
  SELECT 1 / count(*) FROM pg_database WHERE datname = :'old';
  \q
\endif
SELECT count(pg_terminate_backend(pid, 1000)) AS ended FROM pg_stat_activity WHERE datname IN (:'ledger', :'new') \gset
BEGIN;
ALTER DATABASE :"ledger" RENAME TO :"old";
ALTER DATABASE :"new" RENAME TO :"ledger";
COMMIT;
END
); do
  tries=$((tries - 1))
  if [ "$tries" -eq 0 ]; then
    echo "$told" >&2
    exit 1
  fi
done
# It is done. What is left of the old one, the next restore drops.
dropdb --if-exists --force "$1_before" || true
