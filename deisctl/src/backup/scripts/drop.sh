# Takes away a database that was only loaded.
dropdb --if-exists --force "$1"
