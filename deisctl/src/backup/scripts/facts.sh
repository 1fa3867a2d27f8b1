# The facts of the ledger that is in use; nothing when there is none yet.
if [ "$(psql -XqAt --command="SELECT to_regclass('public.apps') IS NOT NULL")" = t ]; then
  psql -XqAt -v ON_ERROR_STOP=1 --command="$facts"
fi
