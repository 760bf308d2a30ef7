#!/bin/sh
# How far a job is: `absent`, `waiting`, `running`, `ended CODE`, or `lost`: it was killed. usage: state.sh DIRECTORY
cd "$1" 2>/dev/null || { echo absent; exit 0; }
ended() {
  [ -e exit ] || return 0
  echo "ended $(cat exit)"
  exit 0
}
ended
[ -e pid ] || { echo waiting; exit 0; }
for each in pid command.pid; do
  [ -e "$each" ] && kill -0 "$(cat "$each")" 2>/dev/null && { echo running; exit 0; }
done
# It may have ended meanwhile.
ended
echo lost
