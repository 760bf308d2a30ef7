/**
 * Connections to NetBox through a jump host: each request has a channel of its own on one SSH connection, whose host key is
 * checked. TLS goes through it from end to end, so that NetBox's certificate is verified as if there were no jump host.
 */
import type { Agent } from "node:http";
import { agentThrough } from "../http/through.ts";
import type { SshTarget } from "../ssh/dial.ts";
import { JumpHosts } from "../ssh/jump-hosts.ts";

/** Seconds that a login on a jump host may take. */
const loginSeconds = 8;

/** One login on each jump host, for all requests. */
const logins = new JumpHosts();

/**
 * Logs in on the jump host and gives an agent for requests through it.
 * @param url of NetBox: its scheme decides whether TLS is spoken.
 * @throws Error when nobody can log in there.
 */
export async function tunnel(jump: SshTarget, url: string): Promise<Agent> {
  await logins.to(jump, loginSeconds);
  // Connections are not kept: a channel costs nothing.
  return agentThrough(async ({ host, port }) => {
    const connection = await logins.to(jump, loginSeconds);
    return connection.forward(host ?? "", Number(port ?? 0));
  }, new URL(url).protocol);
}
