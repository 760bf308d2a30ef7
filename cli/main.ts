/**
 * `holdfast`: what an operator asks beside `pulumi`. Each command is a module; this one finds it and ends with its code.
 */
import { parseArgs } from "node:util";
import manifest from "../package.json" with { type: "json" };
import { Failure } from "../toolchain/failure.ts";
import { latestRun, listEvidence, verifyEvidence } from "./evidence.ts";

const usage = `usage: holdfast doctor host <stack>             is everything there that a runner stack needs? changes nothing
       holdfast preflight [--strict] <stack>      the same of VMs (<stack> of platform-vm) or template-image/<stack>;
                                                  --strict: what an update may do without counts, too
       holdfast rebuild <stack> --confirm <stack> [--yes]
                                                  destroys the VMs of a stack of platform-vm and makes them anew
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
       holdfast state show [--env E] <project>#<stack>
                                                  status, outputs without secrets, evidence, last run
       holdfast evidence list <project> <stack>   what changed something, and how it ended
       holdfast evidence verify <directory>       is the evidence of a run as it was written?
       holdfast evidence verify --latest <project> <stack>

  --json   for machines; --version says the version
  exit code: 0 all is well, 1 something failed or differs, 2 could not look, or did not begin
  --json   for machines
  exit code: 0 all is well, 1 something failed or differs, 2 could not look, or did not begin, 130 interrupted
`;

/** Exit code of a command that could not look, or was not understood. */
const couldNotLook = 2;

const options = {
  help: { type: "boolean", short: "h", default: false },
  version: { type: "boolean", default: false },
  json: { type: "boolean", default: false },
  latest: { type: "boolean", default: false },
  strict: { type: "boolean", default: false },
  confirm: { type: "string" },
  yes: { type: "boolean", default: false },
  stdin: { type: "boolean", default: false },
  endpoint: { type: "string" },
  node: { type: "string" },
  storage: { type: "string", multiple: true },
  bastion: { type: "string" },
  stack: { type: "string", multiple: true },
  "stale-days": { type: "string" },
  url: { type: "string" },
  file: { type: "string" },
  tool: { type: "string", multiple: true },
  env: { type: "string" },
  ref: { type: "string" },
  "dest-name": { type: "string" },
  "dest-dir": { type: "string" },
  force: { type: "boolean", default: false },
  execute: { type: "boolean", default: false },
  module: { type: "string" },
} as const;

/** Options that say which blueprint, and where. */
const blueprint = ["json", "env", "ref", "file"] as const;

type Values = ReturnType<typeof parsed>["values"];

/** A command: the words that it begins with, how many names follow, and the options that it takes. */
interface Command {
  words: string;
  names: number;
  options: readonly (keyof typeof options)[];
  run(values: Values, first: string, second: string): Promise<number> | number;
}

// Loaded when asked for: most commands need Pulumi's SDK, which takes a second.
const commands: readonly Command[] = [
  {
    words: "doctor host",
    names: 1,
    options: ["json"],
    run: async (values, stack) => (await import("./doctor-host.ts")).doctorHost(stack, values),
  },
  {
    words: "preflight",
    names: 1,
    options: ["json", "strict"],
    run: async (values, stack) => (await import("./preflight.ts")).preflight(stack, values),
  },
  {
    words: "rebuild",
    names: 1,
    options: ["json", "confirm", "yes"],
    run: async (values, stack) => (await import("./rebuild.ts")).rebuild(stack, values),
  },
  {
    words: "init proxmox",
    names: 0,
    options: ["json", "endpoint", "node", "storage", "bastion", "stack"],
    run: async (values) => (await import("./init-proxmox.ts")).initProxmox({ ...values, stack: values.stack?.at(-1) }),
  },
  {
    words: "netbox bootstrap",
    names: 0,
    options: ["json", "url", "file", "bastion"],
    run: async (values) => (await import("./netbox-bootstrap.ts")).bootstrap(values),
  },
  {
    words: "netbox audit",
    names: 0,
    options: ["json", "stack", "stale-days"],
    run: async (values) => (await import("./netbox-audit.ts")).netboxAudit(values),
  },
  {
    words: "secrets ensure",
    names: 1,
    options: ["json", "stdin"],
    run: async (values, stack) => (await import("./secrets.ts")).ensureSecrets(stack, values),
  },
  {
    words: "release build",
    names: 0,
    options: ["json", "file", "tool"],
    run: async (values) => (await import("./release-build.ts")).releaseBuild(values),
  },
  {
    words: "blueprint init",
    names: 0,
    options: ["json", "env", "ref", "dest-name", "dest-dir", "force"],
    run: async (values) => (await import("./blueprint.ts")).initBlueprint(values),
  },
  {
    words: "blueprint validate",
    names: 0,
    options: blueprint,
    run: async (values) => (await import("./blueprint.ts")).validateBlueprint(values),
  },
  {
    words: "blueprint preflight",
    names: 0,
    options: blueprint,
    run: async (values) => (await import("./blueprint.ts")).preflightVerb(values),
  },
  {
    words: "blueprint deploy",
    names: 0,
    options: [...blueprint, "execute"],
    run: async (values) => (await import("./blueprint.ts")).deployVerb(values),
  },
  {
    words: "blueprint destroy",
    names: 0,
    options: [...blueprint, "execute"],
    run: async (values) => (await import("./blueprint.ts")).destroyVerb(values),
  },
  {
    words: "blueprint status",
    names: 0,
    options: blueprint,
    run: async (values) => (await import("./blueprint.ts")).statusVerb(values),
  },
  {
    words: "state show",
    names: 1,
    options: ["json", "env"],
    run: async (values, stack) => (await import("./state-show.ts")).showState(stack, values),
  },
  {
    words: "state show",
    names: 0,
    options: ["json", "env", "module"],
    run: async (values) => (await import("./state-show.ts")).showState(values.module ?? "", values),
  },
  {
    words: "evidence list",
    names: 2,
    options: ["json"],
    run: (values, project, stack) => listEvidence(project, stack, values),
  },
  {
    words: "evidence verify",
    names: 1,
    options: ["json"],
    run: (values, directory) => verifyEvidence(directory, values),
  },
  {
    words: "evidence verify",
    names: 2,
    options: ["json", "latest"],
    run: (values, project, stack) => verifyEvidence(latestRun(project, stack), values),
  },
];

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`✗ ${error instanceof Failure ? error.message : ((error as Error).stack ?? error)}\n`);
  process.exitCode = couldNotLook;
}

async function main(argv: string[]): Promise<number> {
  const { values, positionals, tokens } = parsed(argv);
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (values.version) {
    process.stdout.write(`holdfast ${manifest.version}\n`);
    return 0;
  }
  const given = tokens.flatMap((token) => (token.kind === "option" ? [token.name] : []));
  const command = commands.find(({ words, names, options }) => {
    const all = words.split(" ");
    return (
      positionals.length === all.length + names &&
      all.every((word, index) => positionals[index] === word) &&
      given.every((name) => (options as readonly string[]).includes(name)) &&
      // Two names are a stack's only with it, and one is a directory only without.
      values.latest === (options as readonly string[]).includes("latest")
    );
  });
  if (!command) throw new Failure(`there is no command \`holdfast ${argv.join(" ")}\``, `one of these:\n\n${usage}`);
  const [first = "", second = ""] = positionals.slice(command.words.split(" ").length);
  return command.run(values, first, second);
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options, allowPositionals: true, tokens: true });
  } catch (error) {
    throw new Failure((error as Error).message, `holdfast --help`);
  }
}
