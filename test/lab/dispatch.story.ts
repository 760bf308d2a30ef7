/**
 * What the runner of a site does when work is dispatched to it: a part of the story of its blueprint, on the same site. A second
 * blueprint with a pool: refused by a full disk, made over a connection that is cut off, and destroyed although the process that
 * dispatched it was killed.
 */
import { expect, it } from "vitest";
import { listVms, type PoolWorkspace } from "../../lab/pool/demo.ts";
import { sampleProcesses } from "../../lab/process-sampler.ts";
import { holdfast, onRunner, runner, statusOf } from "../../lab/runner/demo.ts";
import { dispatch, prepareWork, work } from "../../lab/runner/dispatch.ts";
import { until } from "../../lab/wait.ts";
import { pulumi } from "../../lab/workspace.ts";

const jobs = `/home/${runner.user}/.local/state/holdfast/jobs`;

/** Adds its tests to the story that calls it. @param heard told everything that was said, and what process lists showed. */
export function dispatchStory(site: () => PoolWorkspace, heard: (text: string) => void): void {
  const names = async () => (await listVms(site())).map(({ name }) => name);
  const on = async (command: string) => (await onRunner(site(), command, { check: false })).stdout;
  const told = async (result: ReturnType<typeof dispatch>) => {
    const { stdout, stderr, exitCode } = await result;
    heard(stdout);
    heard(stderr);
    return { stderr, exitCode };
  };
  /** Waits until a job is at work there. */
  const begun = () =>
    until({ what: "a job on the runner", boundMs: 120_000, everyMs: 250, lookAt: jobs }, async () => {
      return (await on(`ls ${jobs}/*/command.pid`)) !== "" || undefined;
    });
  /** Waits until what a job says is followed there: before that there is no connection that could be lost. */
  const followed = () =>
    until({ what: "a follower of a job on the runner", boundMs: 120_000, everyMs: 250, lookAt: jobs }, async () => {
      return (await on("ps -eo args= | grep '^tail -c'")) !== "" || undefined;
    });
  const expectNothingLeft = async () => {
    expect(await on(`ls -A ${jobs} /run/holdfast-jobs-${runner.user} | grep -v ':$' | grep .`)).toBe("");
    expect((await holdfast(site(), ["dispatch", "status"])).stdout).toBe("no job of this workstation is open");
  };

  it("takes no work while its disk is full, and says so with nothing left behind", async () => {
    await prepareWork(site());
    await on(
      `install -d -o ${runner.user} ${jobs} && mount -t tmpfs -o size=64k,mode=700,uid=1000 full ${jobs}; chown -R ${runner.user}: /home/${runner.user}/.local`,
    );
    const { exitCode, stderr } = await told(dispatch(site(), "deploy", { check: false }));
    expect([exitCode, stderr]).toEqual([2, expect.stringMatching(/no room on platform-shared-runner-01: /)]);
    await expectNothingLeft();
    await on(`umount ${jobs}`);
    expect(await names()).not.toContain(work.name);
  });

  it("makes the VM of a second blueprint, named after its environment, over a connection that is cut off", async () => {
    const sampler = sampleProcesses();
    const dispatched = told(dispatch(site(), "deploy", { check: false }));
    await followed();
    await on(`kill $(ps -eo pid=,args= | awk '/sshd[a-z-]*: ${runner.user}@/ {print $1}')`);
    const { exitCode, stderr } = await dispatched;
    for (const commandLine of sampler.stop()) heard(commandLine);
    expect(exitCode, stderr).toBe(0);
    expect(stderr).toContain("the job goes on without it, trying to reach it again");
    expect(stderr).toMatch(/1\/1 pgha \(platform-vm\/dev-pgha\): ok, 7 created/);
    expect(await names()).toContain(work.name);
    expect(await statusOf(site(), work.stack)).toBe("ok");
    await expectNothingLeft();
    const preview = ["preview", "--expect-no-changes", "--stack", "dev-pgha"];
    expect(await pulumi(site(), "platform-vm", preview, { check: false })).toMatchObject({ exitCode: 0 });
    // Pulumi is asked for the evidence there, and it is here.
    const verified = await holdfast(site(), ["evidence", "verify", "--latest", "platform-vm", "dev-pgha"]);
    expect(verified.stdout).toContain("is as it was written");
  });

  it("destroys it, though the process that dispatched it was killed; who attaches brings that home", async () => {
    const killed = new AbortController();
    const dispatched = dispatch(site(), "destroy", { check: false, signal: killed.signal });
    await begun();
    killed.abort();
    await dispatched;
    const { exitCode, stderr } = await told(holdfast(site(), ["dispatch", "attach"], { check: false }));
    expect(exitCode, stderr).toBe(0);
    expect(await names()).not.toContain(work.name);
    expect(await statusOf(site(), work.stack)).toBe("destroyed");
    await expectNothingLeft();
  });
}
