#!/bin/sh
# A job that was dispatched to this runner, in a directory of its own, in which `settings` says what it is about. It ends by
# itself; holdfast dispatch attach fetches what came of it. Its secrets are gone before it says that it ended.
umask 077
cd "$(dirname "$0")" || exit 1
# Whoever is told twice to begin begins once.
mkdir begun 2>/dev/null || exit 0
: >output.log
echo $$ >pid.new && mv pid.new pid
trap '' HUP
unset XDG_STATE_HOME XDG_CONFIG_HOME XDG_CACHE_HOME PULUMI_HOME PULUMI_STACK SSH_AUTH_SOCK
# The release in use, the job's directory and the one with its secrets, by names that no variable which is passed on may have; what
# is exported to the command; and "$@", the command.
# shellcheck source=/dev/null
. ./settings
: "${HOLDFAST_JOB_RELEASE:?}" "${HOLDFAST_JOB_DIRECTORY:?}" "${HOLDFAST_JOB_SECRETS:?}"
export HOME="$HOLDFAST_JOB_DIRECTORY/home"
# The command of the release makes a Pulumi home with its plugins, which is the job's own and goes with it.
"$HOLDFAST_JOB_RELEASE/bin/pulumi" version >/dev/null 2>>output.log
export PULUMI_HOME="$HOME/.cache/holdfast/pulumi"
export PULUMI_SKIP_UPDATE_CHECK=1 PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true
export HOLDFAST_TOOLCHAIN="$HOLDFAST_JOB_RELEASE/toolchain"
export PATH="$HOLDFAST_JOB_RELEASE/bin:$HOLDFAST_JOB_RELEASE/node/bin:$PATH"
# shellcheck source=/dev/null
. "$HOLDFAST_JOB_SECRETS/environment"
"$HOLDFAST_JOB_RELEASE/node/bin/node" holdfast/cli/holdfast.js "$@" </dev/null >answer.out 2>>output.log &
HOLDFAST_JOB_COMMAND=$!
echo "$HOLDFAST_JOB_COMMAND" >command.pid.new && mv command.pid.new command.pid
wait "$HOLDFAST_JOB_COMMAND"
HOLDFAST_JOB_CODE=$?
rm -rf "$HOLDFAST_JOB_SECRETS"
echo "$HOLDFAST_JOB_CODE" >exit.new && mv exit.new exit
