# Fails unless all that are to be put in their place are there: the input names their apps, a line each.
set -eu
draft=.draft-restore-$1-
cd "${DEIS_DATA:-/var/lib/deis/builder}/repositories"
while read -r app; do
  if ! [ -d "$draft$app" ]; then
    echo "the new repository of $app is gone: a builder has started meanwhile, or another restore" >&2
    exit 1
  fi
done
