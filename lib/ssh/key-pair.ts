/**
 * SSH key pairs that every reader takes.
 */
import { ssh2 } from "./package.ts";

/** A pair in OpenSSH's formats. */
export interface KeyPair {
  /** `ssh-ed25519 AAAA… comment`. */
  publicKey: string;
  /** The whole `OPENSSH PRIVATE KEY` block; secret. */
  privateKey: string;
}

/**
 * Generates an ed25519 pair. ssh2 1.17 drops a leading zero byte now and then, which makes 1 key in about 150 unreadable
 * to itself and to OpenSSH (seen: 19 of 3,000): a pair that does not read back is thrown away.
 */
export function generateKeyPair(comment: string): KeyPair {
  for (let attempt = 0; attempt < 20; attempt++) {
    const pair = ssh2().utils.generateKeyPairSync("ed25519", { comment });
    const readBack = [ssh2().utils.parseKey(pair.private), ssh2().utils.parseKey(pair.public)];
    if (readBack.every((key) => !(key instanceof Error))) {
      return { publicKey: pair.public.trim(), privateKey: pair.private };
    }
  }
  throw new Error("could not generate a readable ed25519 key in 20 tries; is the ssh2 package damaged?");
}
