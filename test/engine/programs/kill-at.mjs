/**
 * Read by `holdfast` before anything else (`NODE_OPTIONS`): kills it as soon as the record of its blueprint says what `KILL_AT`
 * names, for example `two=ok`. No step is left running by that, and nothing after it was done.
 */
import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

const [step, status] = (process.env.KILL_AT ?? "").split("=");
const rename = fs.renameSync;

if (status && process.argv[1]?.endsWith("cli/holdfast.js")) {
  fs.renameSync = (from, to) => {
    rename(from, to);
    if (!/\/blueprints\/.*\.json$/.test(String(to))) return;
    if (JSON.parse(fs.readFileSync(to, "utf8")).steps[step]?.status === status) process.kill(process.pid, "SIGKILL");
  };
  syncBuiltinESMExports();
}
