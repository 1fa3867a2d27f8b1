# Reads a dump into a new database and says the facts of it. It stays only when that is asked for and all went well.
name=$1
keep=$2
trap 'dropdb --if-exists --force "$name"' EXIT
trap 'exit 1' HUP INT PIPE TERM
createdb --template=template0 "$name"
pg_restore --exit-on-error --no-owner --no-privileges --dbname="$name"
psql -XqAt -v ON_ERROR_STOP=1 --dbname="$name" --command="$facts"
if [ "$keep" = keep ]; then trap - EXIT; fi
