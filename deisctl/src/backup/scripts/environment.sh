# Connects the programs that follow to the pod's own server, with the pod's own credentials.
set -eu
: "${PGHOST:=127.0.0.1}"
PGUSER=$POSTGRES_USER
PGDATABASE=$POSTGRES_DB
PGPASSWORD=$(cat "$POSTGRES_PASSWORD_FILE")
export PGHOST PGUSER PGDATABASE PGPASSWORD
# Says on one line, as JSON, what is in a ledger: the newest migration, how many rows each table has, all apps, and what their releases
# run, but for those that failed: nobody can go back to them, and the commits of theirs were not taken.
facts="SELECT json_build_object(
  'postgresql', current_setting('server_version'),
  'schema', (SELECT max(version) FROM _sqlx_migrations),
  'rows', (SELECT json_object_agg(table_name, (xpath('/row/n/text()',
      query_to_xml(format('SELECT count(*) AS n FROM public.%I', table_name), false, true, '')))[1]::text::bigint)
    FROM information_schema.tables WHERE table_schema = 'public' AND table_type = 'BASE TABLE'),
  'apps', (SELECT coalesce(json_agg(id ORDER BY id), '[]') FROM apps),
  'builds', (SELECT coalesce(json_agg(json_build_object('app', app, 'image', image, 'sha', sha)), '[]')
    FROM (SELECT DISTINCT builds.app, builds.image, builds.sha FROM releases JOIN builds ON builds.uuid = releases.build
      WHERE releases.state <> 'failed' ORDER BY 1, 2, 3) AS released));"
