#!/bin/sh
# A stand-in for cloud-init, which does not run here: the lab has done what it would have done.
[ "$1" = status ] && { echo 'status: done'; exit; }
echo 'cloud-init: this is a stand-in of the lab, which knows status alone' >&2
exit 2
