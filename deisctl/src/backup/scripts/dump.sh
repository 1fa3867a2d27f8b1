# The ledger's facts on a line, then its dump, both of one moment. When the dump fails, so does psql.
exec psql -XqAt -v ON_ERROR_STOP=1 <<END
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot() AS snapshot \gset
\setenv SNAPSHOT :snapshot
$facts
\! pg_dump --format=custom --no-owner --no-privileges --snapshot="\$SNAPSHOT" </dev/null || kill "\$PPID"
COMMIT;
END
