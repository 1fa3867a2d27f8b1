# Puts the repositories that were made beside those in use in their place.
set -eu
cd "${DEIS_DATA:-/var/lib/deis/builder}/repositories"
for draft in .draft-restore-*; do
  [ -d "$draft" ] || continue
  app=${draft#.draft-restore-}
  if [ -e "$app.git" ]; then mv "$app.git" ".gone-$app-$$"; fi
  mv "$draft" "$app.git"
done
rm -rf .gone-*
