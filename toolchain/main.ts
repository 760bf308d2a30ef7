/**
 * `npm run toolchain [-- <tool>...] [-- --env]`: makes the pinned tools ready, and says where each came from.
 */
import { Failure, runMain } from "../lib/failure.ts";
import { ensureToolchain, type ToolName, toolNames } from "./index.ts";

const usage = `usage: npm run toolchain [-- [--env] [${toolNames.join("|")}]...]

Finds, downloads or builds the pinned tools (default: all of them) into the cache.
  --env  also prints shell lines that put them to use: eval "$(npm run --silent toolchain -- --env pulumi libvirt)"
`;

await runMain(async () => {
  const words = process.argv.slice(2);
  if (words.includes("--help") || words.includes("-h")) {
    process.stdout.write(usage);
    return;
  }
  const names = words.filter((word) => word !== "--env");
  const unknown = names.filter((name) => !isToolName(name));
  if (unknown.length > 0) {
    throw new Failure(`there is no tool ${unknown.join(", ")}`, `name one of ${toolNames.join(", ")}, or none for all`);
  }
  const toolchain = await ensureToolchain(names.length > 0 ? names.filter(isToolName) : toolNames);
  for (const { name, version, made } of toolchain.made) {
    const how = [made.way, made.detail].filter(Boolean).join(", ");
    process.stderr.write(`✓ ${name} ${version}: ${how} (took ${made.seconds.toFixed(1)} s)\n  ${made.directory}\n`);
  }
  if (words.includes("--env")) {
    const lines = Object.entries(toolchain.env).map(([name, value]) => `export ${name}=${quote(value)}`);
    process.stdout.write(`${lines.join("\n")}\n`);
  }
});

function isToolName(name: string): name is ToolName {
  return (toolNames as string[]).includes(name);
}

function quote(value: string): string {
  return `'${value.replaceAll("'", `'\\''`)}'`;
}
