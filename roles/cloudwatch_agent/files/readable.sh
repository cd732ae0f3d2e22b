# Tells which logs a user may not read and how to let him, and which are not there yet.
#
# usage: sh -c "$(cat readable.sh)" sh USER PATTERN...
# prints a line for each of them: "missing PATTERN", or "unreadable FILE: ..."
set -eu
user=$1
shift
groups=" $(id -Gn "$user") "
# The one to give a log to: the first beside the user's own, if there is one.
group=$(id -Gn "$user" | cut -d' ' -f2)

may() {
  runuser -u "$user" -- test "$@"
}

# The outermost directory that the user may not pass through, or the file itself.
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

# A pattern is a list of files, and not to be split at blanks.
IFS=''
for pattern; do
  for file in $pattern; do
    if [ ! -e "$file" ]; then
      printf 'missing %s\n' "$pattern"
    elif ! may -r "$file"; then
      obstacle=$(obstacle "$file")
      printf 'unreadable %s: %s cannot pass %s (%s). Fix: %s\n' \
        "$file" "$user" "$obstacle" "$(stat -c '%A %U:%G' "$obstacle")" "$(fix "$obstacle")"
    fi
  done
done
