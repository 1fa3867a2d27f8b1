# Takes away the repositories that were made beside those in use.
set -eu
cd "${DEIS_DATA:-/var/lib/deis/builder}/repositories"
rm -rf .draft-restore-*
