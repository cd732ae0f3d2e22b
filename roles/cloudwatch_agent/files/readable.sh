# Reports the logs that a user cannot read, with the fix, and the missing logs.
#
# usage: sh -c "$(cat readable.sh)" sh USER PATTERN...
# prints one line per problem: "missing PATTERN" or "unreadable FILE: ..."
set -eu
user=$1
shift
groups=" $(id -Gn "$user") "
# The suggested group for a log: the user's first supplementary group, or the primary group.
group=$(id -Gn "$user" | cut -d' ' -f2)

may() {
  runuser -u "$user" -- test "$@"
}

# The outermost directory that the user cannot traverse, or the file itself.
obstacle() {
  found=$1
  directory=$1
  while [ "$directory" != / ]; do
    directory=$(dirname "$directory")
    may -x "$directory" || found=$directory
  done
  printf '%s' "$found"
}

fix() {
  if [ -d "$1" ]; then
    printf "chmod o+x '%s'" "$1"
  elif [ "${groups#* $(stat -c %G "$1") }" != "$groups" ]; then
    printf "chmod g+r '%s'" "$1"
  else
    printf "chgrp %s '%s' && chmod g+r '%s'" "$group" "$1" "$1"
  fi
}

# Expand a pattern to files without splitting it at blanks.
IFS=''
for pattern; do
  for file in $pattern; do
    if [ ! -e "$file" ]; then
      printf 'missing %s\n' "$pattern"
    elif ! may -r "$file"; then
      obstacle=$(obstacle "$file")
      printf 'unreadable %s: %s has no access to %s (%s). Fix: %s\n' \
        "$file" "$user" "$obstacle" "$(stat -c '%A %U:%G' "$obstacle")" "$(fix "$obstacle")"
    fi
  done
done
