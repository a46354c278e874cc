/** What options, key places and crypttab mean, and what a host-only image has of the host's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Host, HostLayer, Image } from "../../../hooks/index.js";
import { parseCrypttab } from "../../../modules.d/90luks/crypttab.js";
import setup from "../../../modules.d/90luks/module-setup.js";
import { parseOptions, parseTime } from "../../../modules.d/90luks/options.js";
import { parsePlace } from "../../../modules.d/90luks/places.js";
import { parseKey } from "../../../modules.d/90luks/selection.js";

const rootId = "5f1c1fb0-8a0e-4a43-9b0c-6f2d6a7b8c9d";
const otherId = "77aa0000-8a0e-4a43-9b0c-6f2d6a7b8c9d";

test("each option that crypttab(5) has for LUKS in the initrd is one of cryptsetup's, or of the unlocking", () => {
  const { arguments: flags } = parseOptions(
    "discard,read-only,same-cpu-crypt,submit-from-crypt-cpus,no-read-workqueue,no-write-workqueue,key-slot=3".split(
      ",",
    ),
  );
  assert.deepEqual(flags, [
    ...["--allow-discards", "--readonly", "--perf-same_cpu_crypt", "--perf-submit_from_crypt_cpus"],
    ...["--perf-no_read_workqueue", "--perf-no_write_workqueue", "--key-slot", "3"],
  ]);
  const of = (text: string) => parseOptions(text.split(","));
  assert.deepEqual(of("keyfile-offset=5,keyfile-size=32").keyArguments, [
    ...["--keyfile-offset", "5", "--keyfile-size", "32"],
  ]);
  assert.deepEqual(of("header=/h:UUID=1").header, { path: "/h", device: "UUID=1" });
  assert.deepEqual([of("").tries, of("tries=1").tries, of("tries=0").tries], [3, 1, Number.POSITIVE_INFINITY]);
  assert.deepEqual([of("timeout=30").timeout, of("timeout=0").timeout], [30_000, undefined]);
  assert.deepEqual([of("keyfile-timeout=1min").keyWait, of("keyfile-timeout=0").keyWait], [60_000, 0]);
  assert.equal(of("nofail").nofail, true);
  for (const other of ["swap", "tmp", "tmp=ext4", "plain", "tcrypt-veracrypt", "bitlk"])
    assert.ok(of(other).other, other);
});

test("what is for others is passed over, and what is not known is named", () => {
  const mistakes = (text: string) => parseOptions(text.split(",")).mistakes;
  assert.deepEqual(
    mistakes("luks,noauto,x-initrd.attach,x-systemd.device-timeout=0,_netdev,cipher=aes,initramfs,-,"),
    [],
  );
  assert.deepEqual(mistakes("fido2-device=auto,keyscript=/x,discards,tries=,timeout=soon,header=h"), [
    ...["fido2-device=auto", "keyscript=/x", "discards"].map(
      (option) => `${option} is an option that the initrd does not know`,
    ),
    ...["tries= has no number", "timeout=soon has no time: 30, 30s, 2min"],
    "header=h names no header: header=/PATH, or header=/PATH:DEVICE",
  ]);
});

test("times are systemd's", () => {
  assert.deepEqual(["90", "1min 30s", "1.5min", "500ms", "2h", "x", "5 parsecs", ""].map(parseTime), [
    90_000,
    90_000,
    90_000,
    500,
    7_200_000,
    undefined,
    undefined,
    undefined,
  ]);
});

test("places of keys: systemd's and dracut's forms", () => {
  assert.deepEqual(
    [
      `${rootId}=/k`,
      `luks-${rootId.toUpperCase()}=/k:LABEL=a b`,
      "/k",
      "k/l:UUID=ab:/dev/sda",
      "/k:/",
      "/dev/sdb",
      "/k:*:*",
      "/k:x",
    ].map(parseKey),
    [
      { path: "/k", of: rootId },
      { path: "/k", device: "LABEL=a b", of: rootId },
      { path: "/k", device: "anywhere" },
      { path: "/k/l", device: "UUID=ab", only: "/dev/sda" },
      { path: "/k" },
      { path: "/dev/sdb" },
      undefined,
      undefined,
    ],
  );
  assert.equal(parsePlace("k"), undefined);
});

test("crypttab: comments, fields left out, and escaped blanks", () => {
  const lines = parseCrypttab(
    `# name device\n\none UUID=1 - \n two\t/dev/disk/by-label/a\\040b  /k\\040ey  luks,discard \nalone\n`,
  );
  assert.deepEqual(
    lines.map(({ text: _, ...line }) => line),
    [
      { name: "one", device: "UUID=1", key: "", options: [] },
      { name: "two", device: "/dev/disk/by-label/a b", key: "/k ey", options: ["luks", "discard"] },
    ],
  );
});

const crypttab = `
cryptroot UUID=${rootId} none luks,noauto,header=/etc/root.hdr
attached  UUID=${otherId} /etc/keys/other.key x-initrd.attach
home      UUID=11110000-8a0e-4a43-9b0c-6f2d6a7b8c9d none luks
cryptswap /dev/sda3 /dev/urandom swap
`;

/** A host whose root lies on a container. */
const host = (change: Partial<Host> = {}): Host => ({
  ...{ hostOnly: true, staticInit: false, kernel: "6.1", machine: "x86_64", fileSystems: ["ext4"], modaliases: [] },
  findProgram: (name) => `/usr/sbin/${name}`,
  exists: () => true,
  readFile: (path) => (path === "/etc/crypttab" ? crypttab : undefined),
  list: () => undefined,
  layers: [{ kind: "luks", uuid: rootId, name: "cryptroot", device: "dm-0", points: ["/"] }],
  driverExists: () => true,
  kernelConfig: () => undefined,
  ...change,
});

/** What an image is asked for. */
function installed(of: Host) {
  const texts: [string, string, number | undefined][] = [];
  const files: string[] = [];
  const nothing = () => {};
  const image: Image = {
    ...{ program: nothing, library: nothing, directory: nothing, symlink: nothing, node: nothing, drivers: nothing },
    warning: nothing,
    file: (source) => void files.push(source),
    text: (path, content, mode) => void texts.push([path, content, mode]),
  };
  setup.install?.(image, of);
  return { texts, files };
}

test("a host-only image has crypttab's lines of what it boots from, and of what says so, with headers and without keys", () => {
  const { texts, files } = installed(host());
  assert.deepEqual(texts, [
    [
      "/etc/crypttab",
      `cryptroot UUID=${rootId} none luks,-,header=/etc/root.hdr\nattached  UUID=${otherId} /etc/keys/other.key x-initrd.attach\n`,
      0o600,
    ],
  ]);
  assert.deepEqual(files, ["/etc/root.hdr"]);
  assert.deepEqual(installed(host({ hostOnly: false, layers: [] })), { texts: [], files: [] });
});

test("it is there where the host needs it, and names what it unlocks", () => {
  assert.equal(setup.check?.(host()), "include");
  assert.equal(setup.check?.(host({ layers: [], readFile: () => undefined })), "on-request");
  assert.equal(setup.check?.(host({ layers: [] })), "include", "for the line with x-initrd.attach");
  assert.deepEqual(setup.check?.(host({ findProgram: () => undefined })), {
    unavailable: "cryptsetup is not installed",
  });
  assert.deepEqual(setup.cmdline?.(host()), [
    `rd.luks.uuid=luks-${rootId}`,
    `rd.luks.name=${rootId}=cryptroot`,
    `rd.luks.uuid=luks-${otherId}`,
  ]);
  const swap: HostLayer = { kind: "luks", device: "dm-3", points: ["swap"], uuid: otherId, name: `luks-${otherId}` };
  assert.deepEqual(setup.cmdline?.(host({ layers: [...host().layers, swap] })).slice(2), [
    `rd.luks.uuid=luks-${otherId}:optional`,
  ]);
});
