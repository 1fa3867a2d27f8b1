# Takes away the repositories that a restore has made beside those in use; without a name, those of all restores.
set -eu
cd "${DEIS_DATA:-/var/lib/deis/builder}/repositories"
rm -rf ".draft-restore-${1-}"*
