/**
 * `holdfast`: what an operator asks beside `pulumi`. Each command is a module; this one finds it and ends with its code.
 */
import { parseArgs } from "node:util";
import { Failure } from "../toolchain/failure.ts";

const usage = `usage: holdfast doctor host <stack> [--json]

  doctor host   looks at everything that a runner stack needs of its host, this workstation and the forge; changes nothing
                exit code: 0 all is well, 1 something failed, 2 something could not be looked at
  --json        for machines
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
  const [area, what, ...rest] = positionals;
  if (values.help || area === undefined) {
    process.stdout.write(usage);
    return values.help ? 0 : couldNotLook;
  }
  if (area === "doctor" && what === "host" && rest.length === 1) {
    const { doctorHost } = await import("./doctor-host.ts");
    return doctorHost(rest[0] ?? "", values);
  }
  throw new Failure(`there is no command \`holdfast ${positionals.join(" ")}\``, `one of these:\n\n${usage}`);
}

function parsed(argv: string[]) {
  const options = {
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  } as const;
  try {
    return parseArgs({ args: argv, options, allowPositionals: true });
  } catch (error) {
    throw new Failure((error as Error).message, `holdfast --help`);
  }
}
