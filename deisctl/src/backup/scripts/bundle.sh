# Writes all branches of a repository and what they lead to. Fails with 44 when the repository is gone.
set -eu
cd "${DEIS_DATA:-/var/lib/deis/builder}/repositories"
git --git-dir="$1.git" bundle create --quiet - --all </dev/null && exit
[ -e "$1.git" ] || exit 44
exit 1
