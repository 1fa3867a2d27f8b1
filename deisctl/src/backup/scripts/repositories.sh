# Names each app's repository that has something in it, with the branch that a clone begins with.
set -eu
cd "${DEIS_DATA:-/var/lib/deis/builder}/repositories"
for repository in *.git; do
  [ -n "$(git --git-dir="$repository" for-each-ref --count=1 2>/dev/null)" ] || continue
  echo "${repository%.git} $(git --git-dir="$repository" symbolic-ref HEAD)"
done
