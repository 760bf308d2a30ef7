/**
 * What the examples of several kinds have in common. Addresses and names are those of documents: no machine has them.
 */

/** A public host key. */
export const exampleKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJfwkrRAGDES8Nn4fldQ7ASmIASJvIIn0+QCpJ1mK5Ls";

/** A machine that takes SSH. */
export const exampleHost = {
  host: "192.0.2.2",
  port: 22,
  user: "root",
  hostKey: `${exampleKey} host`,
  stack: "runners/crunchy",
};

/** An owner mark. */
export const exampleOwner = "home.runners.crunchy";

/** What jobs may reach. */
export const examplePolicy = {
  exceptions: [{ host: "192.0.2.3", protocol: "tcp", port: 3000 }],
  closed: ["10.0.0.0/8"],
};

/** Where the evidence of a run is. */
export const exampleEvidence = { runId: "20260101T000000Z-up", evidenceDir: "/home/me/a b/evidence" };

/** A digest. */
export const exampleSha256 = "0".repeat(64);
