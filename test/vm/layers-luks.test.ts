/** Encrypted devices, by the real cryptsetup and kernel: what is asked for, and what unlocks them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { bootImage, buildImage, prompt, rootFacts } from "../support/firstlight.js";
import { layerDisks } from "../support/layer-disks.js";
import { layersRoot } from "../support/layers-root.js";

const { a = "", b = "", stick = "", bare = "" } = await layerDisks("luks");
const image = await buildImage("layers-luks", ["-N", "-a", "luks busybox", "--sysroot", await layersRoot()]);
const [idOfA, idOfB, idOfBare] = ["a", "b", "d"].map((end) => `10c50003-0000-4000-8000-00000000000${end}`);
const root = "root=LABEL=luks-root ro";
const sesame = "open sesame";

test("LUKS1, LUKS2 and a detached header: one passphrase, wrong at first, for two devices, typed on two consoles; a key file and a header on another disk", async (context) => {
  const detached = `rd.luks.name=${idOfBare}=bare rd.luks.data=${idOfBare}=/dev/vdd rd.luks.key=${idOfBare}=/keys/bare:LABEL=STICK`;
  const header = `rd.luks.options=${idOfBare}=header=/headers/bare:LABEL=STICK,discard`;
  const guest = bootImage(context, image, {
    cmdline: `console=tty0 console=ttyS0 ${root} rd.luks.uuid=10c50003-0000-4000-8000-00000000000a rd.luks.uuid=luks-${idOfB} ${detached} ${header}`,
    disks: [a, b, stick, bare].map((file) => ({ file })),
    notRehearsed: "which of three devices is the first is the machine's speed",
  });
  // Up to where a kernel's line may break it: a write of 64 bytes is one piece. What is typed is read from before the prompt is shown.
  await guest.waitFor(/\nPassphrase for \/dev\/vd[ab] \(luks-10c50003-/);
  guest.type("wrong\r");
  await guest.waitFor(/This passphrase does not unlock it, try 2 of 3\.\n[\s\S]*?Passphrase for \/dev\/vd/);
  // The same prompt is on the screen.
  guest.press([..."open", "spc", ..."sesame", "ret"]);
  const { links, console } = await rootFacts(guest);
  assert.deepEqual([...links.keys()].filter((link) => link.includes("/dm-name-")).sort(), [
    `/dev/disk/by-id/dm-name-bare`,
    `/dev/disk/by-id/dm-name-luks-${idOfA}`,
    `/dev/disk/by-id/dm-name-luks-${idOfB}`,
  ]);
  assert.equal(console.split("Passphrase for ").length, 3);
  assert.ok(!console.includes(sesame) && !console.includes("wrong"), "what is typed is not shown");
});

test("tries that are used up end in the shell, which has the console; leaving it asks again", async (context) => {
  const guest = bootImage(context, image, {
    cmdline: `${root} rd.luks.uuid=10c5 rd.luks.options=tries=1`,
    disks: [{ file: a }],
    described: { console: [{ line: "" }, { line: sesame }] },
  });
  await guest.waitFor(/Passphrase for \/dev\/vda /);
  guest.type("\r");
  await guest.waitFor(/What: {4}none of 1 passphrases unlocks \/dev\/vda/);
  await guest.waitFor(prompt);
  guest.type("exit\n");
  await guest.waitFor(/Passphrase for \/dev\/vda /);
  guest.type(`${sesame}\r`);
  await rootFacts(guest);
});
