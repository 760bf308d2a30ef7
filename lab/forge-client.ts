/**
 * What the demo and the tests ask of the lab's forge: repositories, files, runs, jobs, logs, runners. It talks from the
 * workstation, by a process there; the token goes to that by standard input, never in an argument list.
 */
import { readFileSync } from "node:fs";
import { Failure } from "../lib/failure.ts";
import type { Site } from "./site.ts";

/** A job of a workflow run. `conclusion` is absent until it has ended. */
export interface ForgeJob {
  id: number;
  name: string;
  runId: number;
  status: "queued" | "waiting" | "in_progress" | "completed" | string;
  conclusion?: "success" | "failure" | "cancelled" | "skipped" | string;
  labels: string[];
  /** The name of the runner that took it. */
  runnerName?: string;
}

/** A runner as the forge lists it. `offline` comes a minute after its last call. */
export interface ForgeRunner {
  id: number;
  name: string;
  status: "online" | "offline" | string;
  busy: boolean;
  labels: string[];
}

/** A client of one site's forge. Repositories belong to its only user; they are named without an owner. */
export class ForgeClient {
  constructor(private readonly site: Pick<Site, "workstation" | "forge">) {}

  /** Makes a repository with a first commit, private unless said otherwise; one that exists is left as it is. */
  async createRepository(name: string, { isPublic = false } = {}): Promise<void> {
    const body = { name, private: !isPublic, auto_init: true, default_branch: "main" };
    const answer = await this.request("POST", "user/repos", body);
    if (answer.status !== 201 && answer.status !== 409) throw unexpected(`creating repository ${name}`, answer);
  }

  /** Removes a repository with everything in it. One that is not there is no error. */
  async deleteRepository(name: string): Promise<void> {
    const answer = await this.request("DELETE", this.repository(name));
    if (answer.status !== 204 && answer.status !== 404) throw unexpected(`deleting repository ${name}`, answer);
  }

  /** Commits one file to `main`, whether or not it exists. A workflow belongs in `.forgejo/workflows/`. */
  async putFile(repository: string, path: string, text: string, message = `Set ${path}`): Promise<void> {
    const url = `${this.repository(repository)}/contents/${path}`;
    const old = await this.request("GET", url);
    const sha = old.status === 200 ? (old.json as { sha: string }).sha : undefined;
    const body = { content: Buffer.from(text).toString("base64"), message, branch: "main", ...(sha ? { sha } : {}) };
    const answer = await this.request(sha ? "PUT" : "POST", url, body);
    if (answer.status !== 200 && answer.status !== 201) throw unexpected(`committing ${path}`, answer);
  }

  /** The newest 50 jobs of a repository. */
  async jobs(repository: string): Promise<ForgeJob[]> {
    const answer = await this.request("GET", `${this.repository(repository)}/actions/jobs?limit=50`);
    if (answer.status !== 200) throw unexpected(`listing the jobs of ${repository}`, answer);
    return ((answer.json as { jobs: RawJob[] | null }).jobs ?? []).map(jobOf);
  }

  /** A job's log as text, one line each with its time; `undefined` while there is none. */
  async jobLog(repository: string, job: number): Promise<string | undefined> {
    const answer = await this.request("GET", `${this.repository(repository)}/actions/jobs/${job}/logs`);
    if (answer.status === 404) return undefined;
    if (answer.status !== 200) throw unexpected(`reading the log of job ${job}`, answer);
    return answer.text;
  }

  /** The forge's own runners (of all scopes). */
  async runners(): Promise<ForgeRunner[]> {
    const answer = await this.request("GET", "admin/actions/runners?limit=50");
    if (answer.status !== 200) throw unexpected("listing the runners", answer);
    const { runners } = answer.json as {
      runners: (Omit<ForgeRunner, "labels"> & { labels?: { name: string }[] })[] | null;
    };
    return (runners ?? []).map((runner) => ({ ...runner, labels: (runner.labels ?? []).map((label) => label.name) }));
  }

  /** Takes a runner's registration away. Its daemon is not stopped by that. */
  async deleteRunner(id: number): Promise<void> {
    const answer = await this.request("DELETE", `admin/actions/runners/${id}`);
    if (answer.status !== 204 && answer.status !== 404) throw unexpected(`deleting runner ${id}`, answer);
  }

  /** A token that registers any number of runners for the whole forge. */
  async registrationToken(): Promise<string> {
    const answer = await this.request("POST", "admin/actions/runners/registration-token");
    if (answer.status !== 200) throw unexpected("minting a registration token", answer);
    return (answer.json as { token: string }).token;
  }

  private repository(name: string): string {
    return `repos/${this.site.forge.adminUser}/${name}`;
  }

  private async request(method: string, path: string, body?: unknown): Promise<Answer> {
    const config: Record<string, string> = {
      url: `${this.site.forge.url}/api/v1/${path}`,
      request: method,
      header: `Authorization: token ${readFileSync(this.site.forge.tokenFile, "utf8").trim()}`,
      "write-out": "\n%{http_code}",
      "max-time": "30",
    };
    const lines = Object.entries(config).map(([key, value]) => `${key} = ${quote(value)}`);
    if (body !== undefined)
      lines.push(`header = ${quote("Content-Type: application/json")}`, `data = ${quote(JSON.stringify(body))}`);
    const run = await this.site.workstation.run("curl", ["--silent", "--show-error", "--config", "-"], {
      input: `${lines.join("\n")}\n`,
    });
    const end = run.stdout.lastIndexOf("\n");
    return new Answer(Number(run.stdout.slice(end + 1)), run.stdout.slice(0, Math.max(end, 0)));
  }
}

/** curl's configuration file knows these escapes in a quoted value. */
function quote(value: string): string {
  return `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}

class Answer {
  constructor(
    readonly status: number,
    readonly text: string,
  ) {}

  get json(): unknown {
    return JSON.parse(this.text);
  }
}

function unexpected(what: string, answer: Answer): Failure {
  return new Failure(`${what}: the lab's forge answered ${answer.status}: ${answer.text.slice(0, 300)}`);
}

interface RawJob {
  id: number;
  name: string;
  run_id: number;
  status: string;
  conclusion?: string | null;
  labels?: string[] | null;
  runner_name?: string | null;
}

function jobOf(raw: RawJob): ForgeJob {
  const { id, name, status, run_id: runId } = raw;
  return {
    ...{ id, name, status, runId, labels: raw.labels ?? [] },
    ...(raw.conclusion ? { conclusion: raw.conclusion } : {}),
    ...(raw.runner_name ? { runnerName: raw.runner_name } : {}),
  };
}
