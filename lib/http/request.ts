/**
 * One HTTP request and its answer as it comes: the place where every client and every download meets the network. What the other
 * side sends is not trusted with anything: neither headers nor encoding can do more than make the call fail. Redirects are not
 * followed here.
 */
import type { Agent, IncomingMessage } from "node:http";
import { headerBytes, type Route, refusedBy, routeTo, unreached } from "./connect.ts";
import { HttpFailure } from "./failure.ts";

/** A request. */
export interface HttpRequest {
  /** The whole URL, `http:` or `https:`. */
  url: string;
  method: string;
  headers: Readonly<Record<string, string>>;
  /** Sent as it is, in UTF-8. */
  body?: string | undefined;
  /** Connects in another way than directly or through a proxy, for example through a jump host. */
  agent?: Agent | undefined;
  /** Whether a certificate that nobody vouches for is taken. Default: no. */
  insecure?: boolean | undefined;
}

/**
 * Sends, and hands the answer to `receive` as soon as its headers are there.
 * @param receive has to listen to the answer before it gives way.
 * @throws HttpFailure, or whatever `receive` throws. What the client itself stumbles over, such as a header with a line end, is a
 * rejection too.
 */
export function send<T>(
  { url: text, method, headers, body, ...routing }: HttpRequest,
  signal: AbortSignal,
  receive: (answer: IncomingMessage) => Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const url = targetOf(text);
    const route = routeTo(url, routing);
    const length = body === undefined ? {} : { "content-length": `${Buffer.byteLength(body)}` };
    const sent = route.send({
      ...route.options,
      ...{ method, signal, givenUp: signal, maxHeaderSize: headerBytes },
      // An answer that is packed would have to be unpacked, and a small one can become a large one.
      headers: { ...route.options.headers, ...headers, "accept-encoding": "identity", ...length },
    });
    let answered = false;
    sent.once("response", (answer) => {
      answered = true;
      if (route.reader && answer.statusCode === 407) {
        answer.destroy();
        return reject(refusedBy(route.reader, 407, url.host));
      }
      receive(answer).then(resolve, reject);
    });
    // For as long as the connection lives: an error that nobody listens to ends the process.
    sent.on("error", (error) => reject(failureOf(error, route)));
    sent.once("close", () => {
      if (!answered) reject(new HttpFailure("cut-off", "the connection was closed without an answer"));
    });
    sent.end(body);
  });
}

/** Where a proxy makes the request, what could not be reached is the proxy. */
function failureOf(error: Error, { reader }: Route): Error {
  if (!reader || error.name === "AbortError") return error;
  const failure = HttpFailure.from(error);
  return failure.kind === "unconnected" ? unreached(reader, error) : failure;
}

function targetOf(text: string): URL {
  if (!URL.canParse(text)) throw new HttpFailure("unsent", "its URL is none");
  const url = new URL(text);
  if (/^https?:$/.test(url.protocol)) return url;
  throw new HttpFailure("unsent", `${url.protocol}// is not spoken here, only http:// and https://`);
}

/** The headers of an answer, without what no header may hold. */
export function headersOf({ rawHeaders }: IncomingMessage): Headers {
  const headers = new Headers();
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) {
    try {
      headers.append(rawHeaders[at] as string, rawHeaders[at + 1] as string);
    } catch {
      // What no header may hold is as good as absent.
    }
  }
  return headers;
}
