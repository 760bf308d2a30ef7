/**
 * `holdfast`: what an operator asks beside `pulumi`. Each command is a module; this one finds it and ends with its code.
 */
import { parseArgs } from "node:util";
import { Failure } from "../toolchain/failure.ts";
import { latestRun, listEvidence, verifyEvidence } from "./evidence.ts";

const usage = `usage: holdfast doctor host <stack>             is everything there that a runner stack needs? changes nothing
       holdfast evidence list <project> <stack>   what changed something, and how it ended
       holdfast evidence verify <directory>       is the evidence of a run as it was written?
       holdfast evidence verify --latest <project> <stack>

  --json   for machines
  exit code: 0 all is well, 1 something failed or differs, 2 could not look
`;

/** Exit code of a command that could not look, or was not understood. */
const couldNotLook = 2;

try {
  process.exitCode = await command(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`✗ ${error instanceof Failure ? error.message : ((error as Error).stack ?? error)}\n`);
  process.exitCode = couldNotLook;
}

async function command(argv: string[]): Promise<number> {
  const { values, positionals } = parsed(argv);
  if (values.help) {
    process.stdout.write(usage);
    return 0;
  }
  const [area, what, ...rest] = positionals;
  const [first = "", second = ""] = rest;
  const asked = [area, what, rest.length].join(" ");
  // Loaded when asked for: the doctor needs Pulumi's SDK, which takes a second.
  if (asked === "doctor host 1") return (await import("./doctor-host.ts")).doctorHost(first, values);
  if (asked === "evidence list 2") return listEvidence(first, second, values);
  if (asked === "evidence verify 2" && values.latest) return verifyEvidence(latestRun(first, second), values);
  if (asked === "evidence verify 1" && !values.latest) return verifyEvidence(first, values);
  throw new Failure(`there is no command \`holdfast ${argv.join(" ")}\``, `one of these:\n\n${usage}`);
}

function parsed(argv: string[]) {
  const options = {
    latest: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  } as const;
  try {
    return parseArgs({ args: argv, options, allowPositionals: true });
  } catch (error) {
    throw new Failure((error as Error).message, `holdfast --help`);
  }
}
