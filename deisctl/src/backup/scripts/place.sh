# Puts them in their place. What the backup does not have is set aside: whoever creates an app of that name could clone it. Says what
# stands aside.
aside=.before-restore-$1
for repository in *.git; do
  app=${repository%.git}
  if [ -e "$repository" ] && ! [ -d "$draft$app" ]; then
    mkdir -p "$aside"
    mv "$repository" "$aside/$app"
  fi
done
for new in "$draft"*; do
  [ -d "$new" ] || continue
  app=${new#"$draft"}
  if [ -e "$app.git" ]; then mv "$app.git" ".gone-$app-$$"; fi
  mv "$new" "$app.git"
done
rm -rf .gone-*
# An app's next build gets what an earlier one has left: that may be of somebody else who had the name. It costs time alone.
rm -rf ../cache/*
for kept in .before-restore-*/*; do
  if [ -e "$kept" ]; then echo "$PWD/$kept"; fi
done
