/**
 * `holdfast`: what an operator asks beside `pulumi`. Each command is a module; this one finds it and ends with its code.
 */
import { parseArgs } from "node:util";
import { Failure } from "../lib/failure.ts";
import manifest from "../package.json" with { type: "json" };
import { latestRun, listEvidence, verifyEvidence } from "./evidence.ts";
import { usage } from "./usage.ts";

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
  runner: { type: "string" },
  detach: { type: "boolean", default: false },
  "pass-env": { type: "string", multiple: true },
  "any-release": { type: "boolean", default: false },
} as const;

/** Options that say which blueprint, and where. */
const blueprint = ["json", "env", "ref", "file"] as const;

type Values = ReturnType<typeof parsed>["values"];

/** A command: the words that it begins with, how many names follow, and the options that it takes. */
interface Command {
  words: string;
  names: number;
  options: readonly (keyof typeof options)[];
  /** Whether a command of its own stands behind a `--`. */
  takesCommand?: true;
  run(values: Values, first: string, second: string, command: readonly string[]): Promise<number> | number;
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
    words: "trust",
    names: 1,
    options: ["json", "confirm"],
    run: async (values, stack) => (await import("./trust.ts")).trust(stack, values),
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
    words: "dispatch",
    names: 0,
    options: ["env", "runner", "detach", "pass-env", "any-release"],
    takesCommand: true,
    run: async (values, _first, _second, command) => (await import("./dispatch.ts")).dispatchVerb(values, command),
  },
  {
    words: "dispatch attach",
    names: 0,
    options: [],
    run: async () => (await import("./dispatch.ts")).attachVerb(undefined),
  },
  {
    words: "dispatch attach",
    names: 1,
    options: [],
    run: async (_values, job) => (await import("./dispatch.ts")).attachVerb(job),
  },
  {
    words: "dispatch status",
    names: 0,
    options: ["json"],
    run: async ({ json }) => (await import("./dispatch.ts")).statusOfJobs(json),
  },
  {
    words: "dispatch cancel",
    names: 1,
    options: [],
    run: async (_values, job) => (await import("./dispatch.ts")).cancelVerb(job),
  },
  {
    words: "dispatch abandon",
    names: 1,
    options: ["confirm"],
    run: async ({ confirm }, job) => (await import("./dispatch.ts")).abandonVerb(job, confirm),
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
  const end = argv.indexOf("--");
  const behind = end < 0 ? undefined : argv.slice(end + 1);
  const { values, positionals, tokens } = parsed(end < 0 ? argv : argv.slice(0, end));
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  if (values.version) {
    process.stdout.write(`holdfast ${manifest.version}\n`);
    return 0;
  }
  const given = tokens.flatMap((token) => (token.kind === "option" ? [token.name] : []));
  const command = commands.find(({ words, names, options, takesCommand = false }) => {
    const all = words.split(" ");
    return (
      takesCommand === (behind !== undefined) &&
      positionals.length === all.length + names &&
      all.every((word, index) => positionals[index] === word) &&
      given.every((name) => (options as readonly string[]).includes(name)) &&
      // Two names are a stack's only with it, and one is a directory only without.
      values.latest === (options as readonly string[]).includes("latest")
    );
  });
  if (!command) throw new Failure(`there is no command \`holdfast ${argv.join(" ")}\``, `one of these:\n\n${usage}`);
  const [first = "", second = ""] = positionals.slice(command.words.split(" ").length);
  return command.run(values, first, second, behind ?? []);
}

function parsed(argv: string[]) {
  try {
    return parseArgs({ args: argv, options, allowPositionals: true, tokens: true });
  } catch (error) {
    throw new Failure((error as Error).message, `holdfast --help`);
  }
}
