import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { giteaComponent } from "../../../toolchain/components/gitea.ts";
import { bridgeComponent, libvirtProviderComponent } from "../../../toolchain/components/libvirt.ts";
import { pulumiComponent } from "../../../toolchain/components/pulumi.ts";
import { type Pinned, pinDigest } from "../../../toolchain/digest.ts";

const directory = mkdtempSync(join(tmpdir(), "holdfast-digest-"));
const goMod = join(directory, "go.mod");
const goSum = join(directory, "go.sum");

function pinned(change: Partial<Pinned> = {}): Pinned {
  writeFileSync(goMod, "module example\n");
  writeFileSync(goSum, "example v1.0.0 h1:x\n");
  const recipe = { archive: { url: "https://example.test/a.tar.gz" }, build: { package: "./cmd", ldflags: "-X v=1" } };
  return { name: "example", version: "1.0.0", recipe, sources: [goMod, goSum], binaries: ["bin/example"], ...change };
}

test("the same pin gives the same digest", () => {
  expect(pinDigest(pinned())).toBe(pinDigest(pinned()));
});

test.each<[string, Partial<Pinned>]>([
  ["name", { name: "other" }],
  ["version", { version: "1.0.1" }],
  ["build flag", { recipe: { archive: { url: "https://example.test/a.tar.gz" }, build: { package: "./cmd" } } }],
  ["list of files", { binaries: ["bin/example", "bin/more"] }],
  ["list of sources", { sources: [goMod] }],
])("another %s gives another digest", (_what, change) => {
  expect(pinDigest(pinned(change))).not.toBe(pinDigest(pinned()));
});

test("another text of go.sum gives another digest", () => {
  const component = pinned();
  const before = pinDigest(component);
  writeFileSync(goSum, "example v1.0.0 h1:y\n");
  expect(pinDigest(component)).not.toBe(before);
});

test("a text that moves from one source to the next gives another digest", () => {
  const component = pinned();
  const before = pinDigest(component);
  writeFileSync(goMod, "module example\nexample v1.0.0");
  writeFileSync(goSum, " h1:x\n");
  expect(pinDigest(component)).not.toBe(before);
});

test("every real component has its own digest", () => {
  const all = [pulumiComponent, bridgeComponent, libvirtProviderComponent, giteaComponent].map(pinDigest);
  expect(new Set(all).size).toBe(all.length);
});
