import assert from "node:assert/strict";
import { test } from "node:test";
import { describeDevice, encodeName, linksOf, tagMatcher } from "../../../core/sequencer/device-links.js";

const device = {
  name: "vda1",
  path: "/dev/vda1",
  number: "254:1",
  size: 1 << 20,
  ambivalent: false,
  tags: {
    TYPE: "ext4",
    UUID: "00361d4e-646b-478c-9947-73b9bec8531e",
    LABEL: "my/root disk",
    PART_ENTRY_UUID: "8b4ec1c1-0ec7-4bc2-acef-077e9283362a",
    PART_ENTRY_NAME: "BOOTPART",
    PART_ENTRY_SCHEME: "gpt",
  },
};

test("names are encoded as udev does", () => {
  assert.equal(encodeName("BOOT"), "BOOT");
  assert.equal(encodeName("my/root disk"), "my\\x2froot\\x20disk");
  assert.equal(encodeName("#+-.:=@_"), "#+-.:=@_");
  assert.equal(encodeName("back\\slash"), "back\\x5cslash");
  assert.equal(encodeName("Größe 😀"), "Größe\\x20😀");
  // A byte that is not UTF-8, escaped as core/abi does.
  assert.equal(encodeName("a\udcffb"), "a\\xffb");
});

test("each tag gives its link", () => {
  assert.deepEqual(linksOf(device), [
    "/dev/disk/by-uuid/00361d4e-646b-478c-9947-73b9bec8531e",
    "/dev/disk/by-label/my\\x2froot\\x20disk",
    "/dev/disk/by-partuuid/8b4ec1c1-0ec7-4bc2-acef-077e9283362a",
    "/dev/disk/by-partlabel/BOOTPART",
  ]);
});

test("a member of an array has no link by the array's names; a partition's name counts if it is GPT's", () => {
  const member = { ...device.tags, TYPE: "linux_raid_member", USAGE: "raid", PART_ENTRY_SCHEME: "mac" };
  assert.deepEqual(linksOf({ tags: member }), ["/dev/disk/by-partuuid/8b4ec1c1-0ec7-4bc2-acef-077e9283362a"]);
});

test("a device is found by its tags, UUIDs in any case, labels exactly", () => {
  const matches = (spec: string) => tagMatcher(spec)?.(device);
  assert.equal(matches("UUID=00361D4E-646B-478C-9947-73B9BEC8531E"), true);
  assert.equal(matches("PARTUUID=8b4ec1c1-0ec7-4bc2-acef-077e9283362a"), true);
  assert.equal(matches("LABEL=my/root disk"), true);
  assert.equal(matches("LABEL=my\\x2froot\\x20disk"), true);
  assert.equal(matches("PARTLABEL=BOOTPART"), true);
  assert.equal(matches("PARTLABEL=bootpart"), false);
  assert.equal(matches("UUID=00361d4f-646b-478c-9947-73b9bec8531e"), false);
  assert.equal(matches("/dev/vda1"), undefined);
  assert.equal(matches("TYPE=ext4"), undefined);
});

test("a device in one line", () => {
  assert.equal(describeDevice({ ...device, tags: { TYPE: "ext4", UUID: "ab" } }), "vda1 UUID=ab ext4");
  assert.match(describeDevice({ ...device, tags: {}, ambivalent: true }), /more than one file system/);
  assert.equal(describeDevice({ ...device, name: "vdb", tags: {} }), "vdb no known content");
});
