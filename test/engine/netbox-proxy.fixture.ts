/**
 * A proxy in front of NetBox in which things go wrong: each fault takes as many requests as it was armed for, and says whether
 * NetBox gets them all the same.
 */
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { onTestFinished } from "vitest";

/** What happens to a request. */
export interface Fault {
  /** For example `POST`; default: any. */
  method?: string;
  /** What its path holds, query included; default: any. */
  path?: RegExp;
  /** How many requests it takes; default 1. */
  times?: number;
  /** Whether NetBox carries it out; `late`: just before it gets the next POST. */
  reaches: boolean | "late";
  /** What the client gets: a broken connection, nothing for ever, half of the answer, or this. */
  gives: "drop" | "silence" | "half" | { status: number; type: string; body: string };
}

/** A request that came by. */
export interface Passed {
  method: string;
  /** With its query. */
  path: string;
}

/** A proxy until the test is over. */
export interface FaultyNetbox {
  url: string;
  /** Every request, in the order in which it came. */
  passed: Passed[];
  arm(fault: Fault): void;
  /** Does something else just before NetBox gets the next request that this fits. */
  meanwhile(method: string, path: RegExp, work: () => Promise<unknown>): void;
  /** Resolves when NetBox has answered a request that this fits, whatever the client got. */
  answered(method: string, path: RegExp): Promise<void>;
}

interface Answer {
  status: number;
  type: string;
  body: Buffer;
}

/** Starts one in front of the NetBox at this URL. */
export async function faultyNetbox(target: string): Promise<FaultyNetbox> {
  const armed: (Fault & { left: number })[] = [];
  const passed: Passed[] = [];
  const late: (() => Promise<unknown>)[] = [];
  const between: { method: string; path: RegExp; work(): Promise<unknown> }[] = [];
  const waiting: { method: string; path: RegExp; resolve(): void }[] = [];

  const forward = async (incoming: IncomingMessage, body: Buffer): Promise<Answer> => {
    const answer = await send(target, incoming, body);
    for (const { method, path, resolve } of waiting) {
      if (method === incoming.method && path.test(incoming.url ?? "")) resolve();
    }
    return answer;
  };
  const server = createServer(async (incoming, outgoing) => {
    const { method = "", url: path = "" } = incoming;
    passed.push({ method, path });
    const body = await buffer(incoming);
    if (method === "POST") for (const work of late.splice(0)) await work();
    const index = between.findIndex((one) => one.method === method && one.path.test(path));
    if (index >= 0) await between.splice(index, 1)[0]?.work();
    const fault = armed.find(
      (one) => one.left > 0 && (one.method ?? method) === method && (one.path?.test(path) ?? true),
    );
    if (!fault) return answerWith(outgoing, await forward(incoming, body));
    fault.left--;
    if (fault.reaches === "late") late.push(() => forward(incoming, body));
    const answer = fault.reaches === true ? await forward(incoming, body) : undefined;
    if (fault.gives === "silence") return;
    if (typeof fault.gives === "object")
      return answerWith(outgoing, { ...fault.gives, body: Buffer.from(fault.gives.body) });
    if (fault.gives === "half" && answer) {
      outgoing.writeHead(answer.status, { "content-type": answer.type, "content-length": answer.body.length });
      // Flushed first, so that the client really has half of it when the connection ends.
      outgoing.write(answer.body.subarray(0, answer.body.length / 2), () => outgoing.destroy());
      return;
    }
    incoming.socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    passed,
    arm: (fault) => armed.push({ ...fault, left: fault.times ?? 1 }),
    meanwhile: (method, path, work) => between.push({ method, path, work }),
    answered: (method, path) => new Promise((resolve) => waiting.push({ method, path, resolve })),
  };
}

function send(target: string, { method, url, headers }: IncomingMessage, body: Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { authorization, "content-type": type, "if-match": match } = headers;
    const kept = { ...(authorization ? { authorization } : {}), ...(type ? { "content-type": type } : {}) };
    const options = {
      method,
      headers: { ...kept, ...(match ? { "if-match": match } : {}), "content-length": body.length },
    };
    const sent = request(`${target}${url}`, options, async (answer) => {
      const { statusCode: status = 0, headers } = answer;
      resolve({ status, type: headers["content-type"] ?? "", body: await buffer(answer) });
    });
    sent.on("error", reject);
    sent.end(body);
  });
}

function answerWith(outgoing: ServerResponse, { status, type, body }: Answer): void {
  outgoing.writeHead(status, { "content-type": type, "content-length": body.length });
  outgoing.end(body);
}
