#!/bin/sh
# Starts a runner's container in the place of the one that runs, whose job has its time to finish.
# usage: start-container.sh NAME IMAGE USER DIRECTORY INSIDE STOP_SECONDS
set -u
name=$1 image=$2 user=$3 directory=$4 inside=$5 seconds=$6
docker stop -t "$seconds" "$name" >/dev/null 2>&1
docker rm "$name" >/dev/null 2>&1
# The image's user is no member of the VM's docker group: the socket's own group is added by its number. The log driver is one
# that rotates, which docker's default is not.
docker run --detach --name "$name" --restart unless-stopped --stop-timeout "$seconds" --log-driver local \
  --user "$user" --group-add "$(stat -c %g /var/run/docker.sock)" \
  --volume /var/run/docker.sock:/var/run/docker.sock --volume "$directory:$inside" \
  --workdir "$inside" "$image" forgejo-runner daemon --config "$inside/config.yml" >/dev/null
