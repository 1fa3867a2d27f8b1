# Makes a repository of a bundle, beside the one in use, and checks that nothing of it is missing. Says which of the commits that
# are named it does not have. It stays only when that is asked for and all went well.
set -eu
app=$1
head=$2
keep=$3
shift 3
cd "${DEIS_DATA:-/var/lib/deis/builder}/repositories"
# A builder that starts removes what begins so and is older than a day.
draft=.draft-restore-$app
if [ "$keep" != keep ]; then draft=.draft-verify-$app-$$; fi
trap 'rm -rf "$draft"' EXIT
trap 'exit 1' HUP INT PIPE TERM
rm -rf "$draft"
git init --bare --quiet --initial-branch=master --template= "$draft"
GIT_DIR=$draft
export GIT_DIR
git bundle unbundle /dev/stdin >"$draft/restored"
while read -r sha ref; do
  if [ "$ref" != HEAD ]; then echo "create $ref $sha"; fi
done <"$draft/restored" | git update-ref --stdin
rm "$draft/restored"
git symbolic-ref HEAD "$head"
git fsck --connectivity-only --no-dangling --no-progress >&2
for sha in "$@"; do
  git cat-file -e "$sha^{commit}" 2>/dev/null || echo "$sha"
done
if [ "$keep" = keep ]; then trap - EXIT; fi
