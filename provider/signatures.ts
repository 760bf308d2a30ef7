/**
 * How Pulumi marks a value that is not what it seems: constants of its wire format and of its states (sdk/nodejs/runtime/rpc.ts).
 * Apart from wire.ts, so that a command which only looks for them need not read protobuf.
 */

/** Key of such a value, and what stands there of a secret. */
export const signatureKey = "4dabf18193072939515e22adb298388d";
export const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
