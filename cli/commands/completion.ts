import { readFileSync } from "node:fs";
import { join } from "node:path";
import { command } from "../command-line/declaration.ts";
import { UsageFailure } from "../command-line/usage-failure.ts";

/** Shells, each with its script beside `completion/`. */
const shells = ["bash", "zsh", "fish"];

export default command({
  summary: "prints what makes a shell complete commands, options, stacks and files",
  details:
    "The shell has to find `holdfast` itself, so put it on PATH first: node_modules/.bin of a checkout, or bin of a release. What is typed with npx is not completed. bash has to be 4 or later.",
  arguments: { shell: { help: shells.join(", "), complete: shells } },
  examples: [
    { line: 'eval "$(holdfast completion bash)"', does: "in ~/.bashrc" },
    { line: "source <(holdfast completion zsh)", does: "in ~/.zshrc, below compinit" },
    { line: "holdfast completion fish >~/.config/fish/completions/holdfast.fish", does: "once" },
  ],
  run({ shell }) {
    if (!shells.includes(shell))
      throw new UsageFailure(`there is no completion for ${shell}, but for ${shells.join(", ")}`);
    process.stdout.write(readFileSync(join(import.meta.dirname, "../completion", `holdfast.${shell}`), "utf8"));
    return 0;
  },
});
