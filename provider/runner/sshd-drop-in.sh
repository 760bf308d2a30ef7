#!/bin/sh
# Changes a file of sshd's configuration and has it read again, unless sshd finds it wrong: then what was written is removed.
# Prints `unread` where sshd does not say where it runs. usage: sshd-drop-in.sh PATH write TEXT | PATH remove
set -eu
path=$1
case $2 in
  write)
    umask 022
    printf %s "$3" >"$path.new"
    mv -f "$path.new" "$path"
    ;;
  remove) rm -f "$path" ;;
  *) exit 2 ;;
esac
sshd=$(command -v sshd || echo /usr/sbin/sshd)
if ! "$sshd" -t; then
  [ "$2" = remove ] || rm -f "$path"
  exit 1
fi
if [ -d /run/systemd/system ]; then
  systemctl reload-or-restart ssh.service 2>/dev/null || systemctl reload-or-restart sshd.service
elif [ -s /run/sshd.pid ]; then
  kill -HUP "$(cat /run/sshd.pid)"
else
  echo unread
fi
