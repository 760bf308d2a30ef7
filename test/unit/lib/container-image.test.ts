/**
 * How container images and labels are spelled, and that a tag becomes the digest that docker has for the image's own
 * repository. That a tag is looked up once is proven in the engine ring, that docker answers like this in the lab ring.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import { isImage, isPinned, pinnedReference } from "../../../lib/container-image.ts";
import { imageOf, isLabel, labelName, runsBesideRunner, withScheme } from "../../../lib/runner-labels.ts";

const digest = `sha256:${"a".repeat(64)}`;
const other = `sha256:${"b".repeat(64)}`;

test.each([
  ["node:22-bookworm", true],
  [`node@${digest}`, true],
  [`forge.lab:3000/holdfast/job:stand-in@${digest}`, true],
  ["docker.io/library/node:24", true],
  ["node", false],
  ["forge.lab:3000/holdfast/job", false],
  ["node:", false],
  [`node@${digest.slice(0, -1)}`, false],
  ["node:22'; reboot #", false],
  ["--privileged node:22", false],
  ["Node:22", false],
  ["", false],
])("%j is an image: %s", (text, expected) => {
  expect(isImage(text)).toBe(expected);
});

test.each([
  ["node:22", [`node@${digest}`], `node@${digest}`],
  ["docker.io/library/node:22", [`node@${digest}`], `docker.io/library/node@${digest}`],
  ["docker.io/own/job:1", [`own/job@${digest}`], `docker.io/own/job@${digest}`],
  ["mirror.lab:5000/node:22", [`node@${other}`, `mirror.lab:5000/node@${digest}`], `mirror.lab:5000/node@${digest}`],
  ["mirror.lab:5000/node:22", [`node@${other}`], undefined],
  ["node:22", [""], undefined],
])("%s, known as %j, is %s", (image, known, expected) => {
  expect(pinnedReference(image, known)).toBe(expected);
  if (expected) expect(isPinned(expected) && isImage(expected)).toBe(true);
});

test.each([
  ["fenced", true],
  ["fenced:host", true],
  ["heavy:docker://node:22", true],
  [`heavy:docker://forge.lab:3000/job@${digest}`, true],
  ["old:lxc://debian:bookworm", true],
  ["fenced:", false],
  ["fenced:docker", false],
  ["fenced:docker://", false],
  ["fenced:docker://node", false],
  ["fenced:elsewhere", false],
  ["fenced:host://", false],
  ["two words", false],
])("%j is a label: %s", (text, expected) => {
  expect(isLabel(text)).toBe(expected);
});

test("whatever a label looks like, it is told with where its jobs run, and keeps its name", () => {
  const name = fc.stringMatching(/^[\w.-]{1,20}$/);
  const scheme = fc.constantFrom("", ":host", ":docker://node:22", ":lxc://debian:bookworm");
  fc.assert(
    fc.property(name, scheme, (name, scheme) => {
      const label = `${name}${scheme}`;
      const told = withScheme(label, imageOf(label, `job@${digest}`));
      expect(labelName(told)).toBe(name);
      expect(told).toBe(scheme === "" ? `${name}:docker://job@${digest}` : label);
      expect(runsBesideRunner(told)).toBe(scheme === ":host");
    }),
  );
});
