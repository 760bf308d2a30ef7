/**
 * Configuration of a runner stack: every key with its unit, its default and an example.
 */

import { z } from "zod";
import { exceptionProblem } from "../components/fence/policy.ts";
import {
  baseUrl,
  choice,
  cidrOrDhcp,
  containerImage,
  fileUrl,
  hostName,
  ipv4,
  list,
  optional,
  secret,
  textField,
  wholeNumber,
  withDefault,
} from "../lib/config/fields.ts";
import { libvirtHostKeys, libvirtVmKeys, loginName, publicKey, sha256 } from "../lib/config/libvirt-keys.ts";
import { siteKeys } from "../lib/config/site-keys.ts";
import { publicAddress } from "../lib/contracts/site.ts";
import { commandWords } from "../lib/forge/forgejo-command.ts";
import { scopePattern } from "../lib/forge/scope-pattern.ts";
import { isLabel } from "../lib/runner-labels.ts";

export const runnersConfig = {
  ...siteKeys,

  ...libvirtHostKeys,

  "forge.address": optional(
    hostName({
      description: "Address of the forge host. Needed unless forge.url or the site contract says where the forge is.",
      example: "203.0.113.10",
    }),
  ),
  "forge.url": optional(
    baseUrl({
      description:
        "Base URL of the forge as the runner reaches it. Default: the site contract's, else found by asking forge.address.",
      example: "https://forge.example.org",
    }),
  ),
  "forge.scope": withDefault(
    textField(
      {
        description: "Whose jobs the runner takes: empty for the whole instance, an organisation, or owner/repository.",
        example: "ecosystem",
      },
      scopePattern,
      "nothing, an organisation, or owner/repository",
    ),
    "",
  ),
  "forge.token": optional(
    secret(
      textField(
        {
          description:
            "API token that may register runners in the scope (for the instance: write:admin of a site administrator). Without it the runner is registered over SSH on the forge host.",
          example: "(pulumi config set --secret forge.token)",
        },
        /^\S+$/,
        "a token without spaces",
      ),
    ),
  ),
  "forge.ssh.user": withDefault(
    textField({ description: "Login on the forge host.", example: "root" }, loginName, "a login name"),
    "root",
  ),
  "forge.ssh.port": withDefault(
    wholeNumber({ description: "SSH port of the forge host.", example: "222" }, 1, 65535),
    "22",
  ),
  "forge.ssh.hostKey": optional(
    textField(
      {
        description: "Public SSH host key of the forge host. Empty: trusted on first use.",
        example: "ssh-ed25519 AAAA…",
      },
      publicKey,
      "a public key as ssh-keyscan prints it",
    ),
  ),
  "forge.ssh.forgejoUser": optional(
    textField(
      {
        description:
          "The forge's own user there, as whom alone Forgejo's command line works. Default: git. Any other login becomes that user with sudo.",
        example: "forgejo",
      },
      loginName,
      "a login name",
    ),
  ),
  "forge.ssh.forgejoConfig": optional(
    textField(
      {
        description: "The forge's configuration file there. Default: /etc/forgejo/app.ini.",
        example: "/srv/forgejo/conf/app.ini",
      },
      /^\/[\w@%+=:,./-]+$/,
      "an absolute path without spaces or characters of a shell",
    ),
  ),
  "forge.ssh.command": optional(
    textField(
      {
        description:
          "How to run Forgejo's command line there, where it is not `forgejo` of a plain install: the program with its options, run as it stands, as the forge's user or as root. It takes the place of forge.ssh.forgejoConfig; it must read standard input.",
        example: "docker exec -i -u git forgejo forgejo",
      },
      commandWords,
      "words without characters of a shell, one space between them; put anything else into a script there, and name that",
    ),
  ),

  "vm.name": optional(
    textField(
      {
        description: "Name of the VM, its domain and its runner. Default: runner-<stack>.",
        example: "foundation-runner-02",
      },
      /^[a-z][a-z0-9-]{0,61}[a-z0-9]$/,
      "a host name in lower case, 2 to 63 characters",
    ),
  ),
  "vm.ipCidr": withDefault(
    cidrOrDhcp({ description: "Address of the VM with prefix length; empty for DHCP.", example: "192.168.1.16/24" }),
    "",
  ),
  "vm.gateway": optional(
    ipv4({
      description: "Default gateway; needed with vm.ipCidr unless the site contract has one.",
      example: "192.168.1.1",
    }),
  ),
  "vm.dns": withDefault(
    list(
      { description: "Name servers. Default: the site contract's, else DHCP's.", example: "192.168.1.1,9.9.9.9" },
      z.ipv4("expected IPv4 addresses"),
      0,
    ),
    "",
  ),
  "vm.bridge": withDefault(
    textField(
      { description: "Bridge on the host that the VM joins.", example: "br0" },
      /^[\w.-]{1,15}$/,
      "the name of a network interface",
    ),
    "br0",
  ),
  ...libvirtVmKeys,
  "vm.vcpus": withDefault(wholeNumber({ description: "Virtual processors.", example: "8" }, 1, 512), "4"),
  "vm.memoryMb": withDefault(
    wholeNumber({ description: "Memory, in MiB.", example: "32768" }, 256, 16_777_216),
    "8192",
  ),
  "vm.diskGb": withDefault(wholeNumber({ description: "Root disk, in GiB.", example: "100" }, 3, 65_536), "40"),
  "vm.packages": withDefault(
    list(
      { description: "Packages that cloud-init installs.", example: "docker.io,qemu-guest-agent" },
      z.string().regex(/^[a-z0-9][a-z0-9.+-]+$/, "expected package names"),
      0,
    ),
    "docker.io,qemu-guest-agent",
  ),
  "vm.authorizedKeys": withDefault(
    list(
      {
        description:
          "Public keys that may log in to the VM as root. Default: the key of RUNNER_SSH_KEY_PATH. Set it where several operators with keys of their own share the stack.",
        example: "ssh-ed25519 AAAA…",
      },
      z.string().regex(publicKey, "expected public keys"),
      0,
    ),
    "",
  ),
  "vm.dialErrorLimit": withDefault(
    wholeNumber(
      { description: "How many failed SSH dials to bear while the VM boots, 3 s apart.", example: "100" },
      1,
      1000,
    ),
    "100",
  ),

  "runner.labels": withDefault(
    list(
      {
        description:
          "What jobs ask for with runs-on. A job runs in a container of its own: from runner.jobImage, or with name:docker://image from that image. name:host runs it beside the runner, where it can read the runner's token and use docker.",
        example: "fenced,heavy:docker://node:22-bookworm",
      },
      z.string().refine(isLabel, "expected labels such as fenced, fenced:docker://image:tag or fenced:host"),
      1,
    ),
    "fenced",
  ),
  "runner.capacity": withDefault(wholeNumber({ description: "Jobs at a time.", example: "2" }, 1, 1000), "1"),
  "runner.drainSeconds": withDefault(
    wholeNumber(
      { description: "Seconds that a running job gets to finish when the runner is stopped.", example: "600" },
      0,
      86_400,
    ),
    "600",
  ),
  "runner.egress.policy": withDefault(
    choice(
      {
        description:
          "What jobs may reach. fenced: the forge, name servers and the internet, not the LAN, the hypervisor, other VMs or cloud metadata. open: everything that the VM can; for jobs that are trusted.",
        example: "open",
      },
      ["fenced", "open"],
    ),
    "fenced",
  ),
  "runner.egress.allow": withDefault(
    list(
      {
        description:
          "What jobs may reach all the same: host, host:port or host:port/udp, where host is an IPv4 address, a network or a name. A name that stands for a machine of the LAN has lan: in front. The forge has its URL's port alone: give its SSH port here if jobs need it.",
        example: "192.168.1.20:5000,10.9.0.0/24,lan:registry.lab:5000",
      },
      z.string().superRefine((text, context) => {
        const problem = exceptionProblem(text);
        if (problem) context.addIssue({ code: "custom", message: problem });
      }),
      0,
    ),
    "",
  ),
  "runner.egress.sitePublicAddresses": withDefault(
    list(
      {
        description:
          "Addresses or networks by which the internet sees the site, which jobs must not reach: what the router shows there is meant for others. Added to the site contract's.",
        example: "203.0.113.7,203.0.113.64/29",
      },
      publicAddress,
      0,
    ),
    "",
  ),
  "runner.image": withDefault(
    containerImage({
      description:
        "Container image of the runner, version 8 or later: by digest, or by a tag, which is looked up at the first up and kept.",
      example: "data.forgejo.org/forgejo/runner:12",
    }),
    "data.forgejo.org/forgejo/runner:12.13.2@sha256:eb6e7bc21973382d261e6eb883dbd27b8cb56939d33a3bfd79a1352b7f9a33a0",
  ),
  "runner.jobImage": withDefault(
    containerImage({
      description:
        "Container image that jobs run in whose label names none: by digest, or by a tag, which is looked up at the first up and kept. Steps with uses: need Node.js in it.",
      example: "node:22-bookworm",
    }),
    "docker.io/library/node:24-bookworm@sha256:64af3819f9275802414d7cdc38c27e9d82bd564dec4d4da87d008255d36c63b4",
  ),
  "runner.binary.url": optional(
    fileUrl({
      description: "Runner program to use instead of the image, run by systemd.",
      example: "https://code.forgejo.org/forgejo/runner/releases/download/v12.13.2/forgejo-runner-12.13.2-linux-amd64",
    }),
  ),
  "runner.binary.sha256": optional(
    textField(
      { description: "SHA-256 of the runner program.", example: "(64 hexadecimal digits)" },
      sha256,
      "64 hexadecimal digits",
    ),
  ),
};
