/**
 * The owner mark: it can be read back from wherever it is written, and only legal marks are ever made.
 *
 * Not proven here: that libvirt keeps the description (the lab ring asks a real libvirt).
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  domainOwner,
  ownerDescription,
  ownerMark,
  parseOwnerMark,
  proxmoxOwner,
  proxmoxTag,
} from "../../../lib/owner-mark.ts";

const part = fc.stringMatching(/^[a-z0-9]{1,8}(-[a-z0-9]{1,8})?$/);
const owner = fc.record({ site: part, project: part, stack: part }, { noNullPrototype: true });

test("a mark is read back into its parts", () => {
  fc.assert(
    fc.property(owner, (given) => {
      expect(parseOwnerMark(ownerMark(given))).toEqual(given);
    }),
  );
});

test("different owners have different marks", () => {
  fc.assert(
    fc.property(owner, owner, (one, other) => {
      fc.pre(JSON.stringify(one) !== JSON.stringify(other));
      expect(ownerMark(one)).not.toBe(ownerMark(other));
    }),
  );
});

test.each(["", "Home", "ho_me", "ho.me", "-home", "home-", "ho--me", "ho me", "höme", "home\n"])(
  "the part %j is refused, and which part it is is said",
  (bad) => {
    expect(() => ownerMark({ site: bad, project: "runners", stack: "crunchy" })).toThrow(/owner mark: site must be/);
    expect(() => ownerMark({ site: "home", project: bad, stack: "crunchy" })).toThrow(/owner mark: project must be/);
    expect(() => ownerMark({ site: "home", project: "runners", stack: bad })).toThrow(/owner mark: stack must be/);
    expect(parseOwnerMark(`${bad}.runners.crunchy`)).toBeUndefined();
  },
);

test("63 characters are legal everywhere, 64 are refused with what to shorten", () => {
  const mark = (length: number) => ({
    site: "home",
    project: "runners",
    stack: "c".repeat(length - "home.runners.".length),
  });
  expect(ownerMark(mark(63))).toHaveLength(63);
  expect(() => ownerMark(mark(64))).toThrow("is longer than 63 characters; shorten site.id or the stack's name");
});

test.each(["", "home", "home.runners", "home.runners.crunchy.x", "home..crunchy", "Made by hand"])(
  "%j is no mark",
  (text) => {
    expect(parseOwnerMark(text)).toBeUndefined();
  },
);

/** A domain's XML as `virsh dumpxml` prints it. */
function domainXml(description: string): string {
  return `<domain type='kvm' id='3'>
  <name>runner-02</name>
  <uuid>5a35e2a6-8d1f-4a21-9f5f-1f0b8a4c7c5e</uuid>
  ${description}
  <metadata><app:note xmlns:app='http://example.org/app'>Made by holdfast for nobody</app:note></metadata>
  <memory unit='KiB'>8388608</memory>
</domain>
`;
}

test("the mark is found in the XML of a domain that carries it", () => {
  fc.assert(
    fc.property(owner, (given) => {
      const mark = ownerMark(given);
      expect(domainOwner(domainXml(`<description>${ownerDescription(mark)}</description>`))).toBe(mark);
      expect(domainOwner(domainXml(`<description>\n    ${ownerDescription(mark)}\n  </description>`))).toBe(mark);
    }),
  );
});

test.each([
  ["no description", ""],
  ["an empty description", "<description/>"],
  ["somebody's description", "<description>Mail server, do not touch</description>"],
  ["a description that only mentions us", "<description>Not made by holdfast for home.runners.crunchy</description>"],
  ["our words in a title", "<title>Made by holdfast for home.runners.crunchy</title>"],
  ["the prefix without a mark", "<description>Made by holdfast for </description>"],
  ["the prefix before something that is no mark", "<description>Made by holdfast for fun</description>"],
])("a domain with %s has no owner", (_what, description) => {
  expect(domainOwner(domainXml(description))).toBeUndefined();
});

/** What Proxmox VE takes for a tag. */
const legalTag = /^[a-z0-9_][a-z0-9_+.-]*$/;

test("the mark is a legal tag on Proxmox VE, and is found among a VM's others", () => {
  fc.assert(
    fc.property(owner, fc.array(fc.stringMatching(/^[a-gi-z][a-z0-9-]{0,9}$/)), (given, others) => {
      const mark = ownerMark(given);
      expect(proxmoxTag(mark)).toMatch(legalTag);
      for (const separator of [";", ",", " "]) {
        expect(proxmoxOwner([...others, proxmoxTag(mark)].sort().join(separator))).toBe(mark);
      }
    }),
  );
});

test.each([
  ["no tags", ""],
  ["somebody's tags", "mail;prod"],
  ["the prefix without a mark", "holdfast."],
  ["the prefix before something that is no mark", "holdfast.fun"],
  ["a mark without the prefix", "home.runners.crunchy"],
  ["two owners", "holdfast.home.runners.crunchy;holdfast.home.runners.brix02"],
])("a VM with %s has no owner", (_what, tags) => {
  expect(proxmoxOwner(tags)).toBeUndefined();
});
