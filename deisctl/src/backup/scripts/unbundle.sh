# Makes a repository of a bundle, beside the one in use, and checks that nothing of it is missing. Before the bundle the input has
# commits, a line each, and an empty line: says which of them the repository does not have. It stays only when a restore is named
# that keeps it, and all went well.
set -eu
app=$1
head=$2
restore=$3
cd "${DEIS_DATA:-/var/lib/deis/builder}/repositories"
# A builder that starts removes what begins so and is older than a day.
draft=.draft-verify-$app-$$
if [ -n "$restore" ]; then draft=.draft-restore-$restore-$app; fi
trap 'rm -rf "$draft"' EXIT
trap 'exit 1' HUP INT PIPE TERM
rm -rf "$draft"
git init --bare --quiet --initial-branch=master --template= "$draft"
GIT_DIR=$draft
export GIT_DIR
# The shell reads not a byte more than the line.
while read -r sha && [ -n "$sha" ]; do echo "$sha^{commit}"; done >"$draft/wanted"
git bundle unbundle /dev/stdin >"$draft/restored"
while read -r sha ref; do
  if [ "$ref" != HEAD ]; then echo "create $ref $sha"; fi
done <"$draft/restored" | git update-ref --stdin
git symbolic-ref HEAD "$head"
git fsck --connectivity-only --no-dangling --no-progress >&2
git cat-file --batch-check <"$draft/wanted" | sed -n 's/\^{commit} missing$//p'
rm "$draft/restored" "$draft/wanted"
if [ -n "$restore" ]; then trap - EXIT; fi
