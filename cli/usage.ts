/**
 * What `holdfast --help` says.
 */

/** Every command, and what its exit code means. */
export const usage = `usage: holdfast doctor host <stack>             is everything there that a runner stack needs? changes nothing
       holdfast preflight [--strict] <stack>      the same of VMs (<stack> of platform-vm) or template-image/<stack>;
                                                  --strict: what an update may do without counts, too
       holdfast rebuild <stack> --confirm <stack> [--yes]
                                                  destroys the VMs of a stack of platform-vm and makes them anew
       holdfast trust <project>/<stack> [--confirm SHA256:...]
                                                  which host keys its machines have to show, and show;
                                                  --confirm: records the changed one that was looked at
       holdfast init proxmox --endpoint URL --node N [--storage S ...] [--bastion ADDRESS[:PORT]] [--stack shared]
                                                  checks a cluster, and records it in the foundation's configuration
       holdfast netbox bootstrap --url URL [--file netbox.json] [--bastion ADDRESS[:PORT]]
                                                  makes a NetBox ready to give out addresses, and writes its contract
       holdfast netbox audit [--stack <stack> ...] [--stale-days 30]
                                                  what the stacks of platform-vm believe against what NetBox says;
                                                  --stale-days: how old records of VMs that are gone may be
       holdfast secrets ensure [--stdin] <project>/<stack>
                                                  asks for the secrets that a stack lacks; --stdin: key=value lines
       holdfast release build [--file F] [--tool proxmoxve|libvirt ...]
                                                  packs this checkout and its pinned tools for an operations runner
       holdfast blueprint init --env E --ref REF [--dest-name NAME] [--dest-dir DIRECTORY] [--force]
                                                  copies a blueprint for an environment, to be filled in
       holdfast blueprint validate --ref REF | --file FILE
                                                  is it a blueprint, with nothing left to fill in?
       holdfast blueprint preflight --env E --file FILE
                                                  everything about it that can be looked at without a change
       holdfast blueprint deploy --env E --file FILE [--execute]
                                                  the plan; --execute: its steps one after another, from where it stopped
       holdfast blueprint destroy --env E --file FILE [--execute]
       holdfast blueprint status --env E --file FILE
                                                  each step's last run, and who is at work
       holdfast dispatch --runner STACK [--detach] [--pass-env NAME ...] [--any-release]
                         -- blueprint deploy|destroy|preflight --env E --file FILE [--execute]
                                                  the same on an operations runner; --pass-env: secrets that go along;
                                                  --any-release: though its programs are not those of this checkout
       holdfast dispatch attach [<job>]           goes on with a job where its dispatch was cut off
       holdfast dispatch status                   the jobs of this workstation that are not over
       holdfast dispatch cancel <job>             ends a job in order; the second time at once
       holdfast dispatch abandon <job> --confirm <job>
                                                  forgets a job whose runner is gone
       holdfast state show [--env E] <project>#<stack>
                                                  status, outputs without secrets, evidence, last run
       holdfast evidence list <project> <stack>   what changed something, and how it ended
       holdfast evidence verify <directory>       is the evidence of a run as it was written?
       holdfast evidence verify --latest <project> <stack>

  --json   for machines; --version says the version
  exit code: 0 all is well, 1 something failed or differs, 2 could not look, or did not begin, 130 interrupted
`;
