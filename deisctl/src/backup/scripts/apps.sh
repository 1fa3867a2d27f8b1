# The names of all apps in the ledger that is in use, a line each.
exec psql -XqAt -v ON_ERROR_STOP=1 --command='SELECT id FROM apps ORDER BY id'
