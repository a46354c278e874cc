import assert from "node:assert/strict";
import { traceEnd, traceHead } from "../../core/abi/index.js";
import { parseCommandLine } from "../../core/generator/command-line.js";
import { formatConfiguration, parseConfiguration } from "../../core/generator/configuration.js";
import { makeDriverIndex } from "../../core/generator/driver-index.js";
import type { HostFiles } from "../../core/generator/host-files.js";
import { parseDriverLists } from "../../core/generator/kernel-tree.js";
import { readList } from "../../core/generator/list-file.js";
import { readDriverSettings } from "../../core/generator/modprobe-config.js";
import { BuildError, createProblems } from "../../core/generator/problems.js";
import { makeSettings } from "../../core/generator/settings.js";
import { parseLsinitrdCommandLine } from "../../core/image/command-line.js";
import { parseRecordedOptions } from "../../core/image/recorded-options.js";
import { openDriverIndex } from "../../core/rehearsal/driver-index.js";
import { addFiles, createFileSystem, type Inode } from "../../core/rehearsal/file-tree.js";
import { formatEntry, readTraces, TraceError } from "../../core/rehearsal/trace.js";
import { machineOf } from "../../core/scenario/machine.js";
import { parseMachine } from "../../core/scenario/machine-json.js";
import { configurationSchema } from "../../core/schema/configuration.js";
import { options } from "../../core/schema/options.js";
import {
  checkParameters,
  createParameters,
  parseCommandLine as parseKernelWords,
} from "../../core/sequencer/parameters.js";
import { BootError } from "../../hooks/index.js";
import { bytesOf, type FuzzedReader, isTaken } from "./reader.js";

const driverLists = [
  "kernel/fs/ext4/ext4.ko: kernel/fs/jbd2/jbd2.ko kernel/lib/crc16.ko\nkernel/fs/jbd2/jbd2.ko:\nkernel/lib/crc16.ko.xz:\n",
  "# Aliases\nalias pci:v00008086d*sv*sd*bc01sc06i01* ahci\nalias fs-ext4 ext4\nalias usb:v[0-9a-f-]*d ext4\n",
  "# Soft dependencies\nsoftdep ext4 pre: crc32c post: jbd2\nsoftdep uas post: a b pre: c\n",
  "weakdep ext4 crc16 jbd2\n",
  "kernel/fs/binfmt_script.ko\nkernel/drivers/char/mem-device.ko\n",
  "ext4.alias=fs-ext3\0ext4.license=GPL\0ahci.alias=pci:v*\0ahci.file=drivers/ata/ahci\0",
  "fuse fuse c10:229\nbtrfs btrfs-control c10:234\n",
  "kernel/lib/crc16.ko\nkernel/fs/jbd2/jbd2.ko\n",
  "blacklist pcspkr\noptions ahci \\\n  a=1 b=2\noptions ahci c\ninstall floppy /bin/true\ninstall x /sbin/y z\nremove a b\n",
];

/** One text for each of a kernel's lists and for modprobe.d in turn; what is made of them is looked up again. */
const driverListReader: FuzzedReader = {
  name: "driver-lists",
  material: () => ({
    seeds: bytesOf(driverLists),
    tokens: bytesOf([
      ..." \t\n\0\r:\\#*?[]!-_=.",
      ...[
        "alias ",
        "softdep ",
        "pre:",
        "post:",
        "options ",
        "install ",
        ".ko",
        ".ko.xz",
        "/",
        "__proto__",
        "\\\n",
        "ext4",
      ],
    ]),
  }),
  read: (input) => {
    const text = input.toString();
    const host = { list: () => ["a.conf"], readText: () => text } as Partial<HostFiles> as HostFiles;
    const settings = readDriverSettings(host, { hostOnly: false }, () => undefined);
    return isTaken(BuildError, () => {
      const { drivers, aliases } = parseDriverLists(() => text);
      const indexed = [...drivers.values()].map(({ name, path, dependencies }) => ({
        ...{ name, path, parameters: settings.options.get(name) ?? "", chain: [...dependencies, name] },
        ...{ blacklisted: settings.blacklist.has(name), size: 0 },
      }));
      const resolve = openDriverIndex(makeDriverIndex(indexed, [...aliases, ...settings.aliases]));
      for (const { name } of indexed.slice(0, 20))
        if (/^\w+$/.test(name))
          assert.ok(
            resolve(name).some((match) => match.name === name),
            `${name} is found`,
          );
    });
  },
};

const configurationReader: FuzzedReader = {
  name: "configuration",
  material: () => ({
    seeds: bytesOf([
      'hostonly="yes"\nadd_drivers+=" virtio_blk nvme "\n',
      "# comment\ncompress='zstd -15' # more\nkernel_cmdline+=\"quiet\"\n",
      "early_microcode=no\ninstall_items+=' /bin/a /bin/b '\nstdloglvl=4\nprefix=\"x\"\n",
    ]),
    tokens: bytesOf([
      ...Object.keys(configurationSchema.properties),
      ...[
        "+=",
        "=",
        '"',
        "'",
        "#",
        " ",
        "\n",
        "$(x)",
        "`",
        "\\",
        ";",
        "yes",
        "no",
        "__proto__",
        "\r",
        "é",
        "\0",
        "zstd",
        "/",
      ],
    ]),
  }),
  read: (input) => {
    const values = {};
    const problems = createProblems();
    const told = { problems, warn: () => undefined };
    parseConfiguration("x.conf", input.toString(), values, told);
    if (!isTaken(BuildError, problems.check)) return false;
    const again = {};
    parseConfiguration("again.conf", formatConfiguration(values), again, told);
    problems.check();
    assert.deepEqual(again, values, "what --printconfig shows means the same");
    return true;
  },
};

/** Words of a command line, each on a line of its own; none can hold a NUL. */
const wordsOf = (input: Buffer) => input.toString().replaceAll("\0", "").split("\n");

/** The options that an image was built with are a command line again. */
const recordedOptionsReader: FuzzedReader = {
  name: "recorded-options",
  material: () => ({
    seeds: bytesOf(['["--no-hostonly","--add=tmpfs-root","--kver=6.1"]\n', '["--sysroot=/mnt","-N"]\n']),
    tokens: bytesOf([...'[]",{}-= ', "\\u0000", "null", '","', '"--include","/a"', "--kmoddir=/", "--compress="]),
  }),
  read: (input) => {
    const words = parseRecordedOptions(input.toString());
    return words !== undefined && isTaken(BuildError, () => makeSettings(parseCommandLine(words), {}, {}));
  },
};

const mkinitrdReader: FuzzedReader = {
  name: "mkinitrd-command-line",
  material: () => ({
    seeds: bytesOf([
      "-f\n-N\n-a\ntmpfs-root lvm\n--kver=6.1\n/boot/x.img",
      "-Nfa\none\nimage\n6.1",
      "--include\n/a\n/b\n--add-drivers\nx y\n--zstd\n--kernel-cmdline=root=/dev/vda1 quiet",
      "--no-kernel\n-N\nx.img",
      "--compress\nxz -9\n--fwdir\n/a:/b\n--strip",
    ]),
    tokens: bytesOf([
      ...options.map(({ long }) => `--${long}`),
      ...["-", "--", "=", "\n", "\n\n", "-q", "-i", " ", "yes", "/x", "é", "__proto__", "--__proto__", "--no-"],
    ]),
  }),
  read: (input) =>
    isTaken(BuildError, () => {
      const commandLine = parseCommandLine(wordsOf(input));
      const { recorded } = commandLine;
      assert.deepEqual(parseCommandLine(recorded).recorded, recorded, "what is recorded means the same");
      makeSettings(commandLine, {}, {});
    }),
};

const lsinitrdReader: FuzzedReader = {
  name: "lsinitrd-command-line",
  material: () => ({
    seeds: bytesOf([
      "-s\nx.img",
      "--unpack=folder\n-v\nx.img\netc",
      "-k\n6.1\n-f\ninit",
      "--diff\na\nb",
      "--map=x.svg\nx.img",
    ]),
    tokens: bytesOf([
      ...["--size", "--file", "--kver", "--mod", "--unpack", "--unpackearly", "--diff", "--map", "--verbose", "--help"],
      ...["-", "--", "=", "\n", "\n\n", " ", "é", "--__proto__", "--constructor"],
    ]),
  }),
  read: (input) => isTaken(BuildError, () => parseLsinitrdCommandLine(wordsOf(input))),
};

const declared = {
  "rd.n": { type: "integer", form: "N", validate: (value: unknown) => typeof value === "number" },
  "rd.flag": { type: "boolean", form: "0|1", validate: (value: unknown) => typeof value === "boolean" },
  root: { type: "string", form: "DEVICE", repeated: true, validate: (value: unknown) => value !== "" },
} as const;

const kernelReader: FuzzedReader = {
  name: "kernel-command-line",
  material: () => ({
    seeds: bytesOf([
      'root=UUID=00361d4f ro quiet rd.n=5 rd.flag "a b=c d" x="y z" -- single',
      "root=/dev/vda1 rd.flag=off rd.n=-1 BOOT_IMAGE=/vmlinuz panic=-1",
    ]),
    tokens: bytesOf([
      ...' \t\n"=-#,.\\\0',
      "--",
      "rd.",
      "rd.n=",
      "rd.flag",
      "root=",
      "__proto__",
      "é",
      "99999999999999999999",
    ]),
  }),
  read: (input) => {
    const words = parseKernelWords(input.toString());
    const parameters = createParameters(words);
    for (const { name } of words.slice(0, 20)) assert.ok(parameters.has(name));
    return isTaken(BootError, () => checkParameters(words, declared));
  },
};

/** Lists for gen-init-cpio; what one describes is a whole archive. */
const listReader: FuzzedReader = {
  name: "list-file",
  material: () => ({
    seeds: bytesOf([
      `# list\ndir /dev 0755 0 0\nnod /dev/console 600 0 0 c 5 1\nslink /lib /usr/lib 777 0 0\nfile /lib/x \${HOME}/x 644 0 0\n`,
      "file /bin/a /b 4755 1 2 /bin/b bin/c\npipe /p 600 0 0\nsock /s 666 1 2\ndir /bin 755 0 0\ndir /bin 755 0 0\n",
    ]),
    tokens: bytesOf([
      ..." \t\n\r\0#/",
      ...[
        "file ",
        "dir ",
        "nod ",
        "slink ",
        "..",
        "/bin",
        "/lib",
        "755 0 0",
        "${",
        "}",
        `\${X}`,
        "__proto__",
        "4294967296",
        "\xff",
      ],
    ]),
  }),
  read: (input) => {
    const find = () => ({ size: 3, modified: 0 });
    return isTaken(BuildError, () => {
      const { entries } = readList("list", input.toString(), { HOME: "/root", X: "" }, find);
      const names = new Set(entries.map(([name]) => name));
      assert.equal(names.size, entries.length, "each name once");
    });
  },
};

const traceHeads = [traceHead("0123456789abcdef", 1), traceHead("fedcba9876543210", 12)];

/** Recordings of boots, within other text or by themselves. */
const traceReader: FuzzedReader = {
  name: "recordings",
  material: () => ({
    seeds: bytesOf([
      `${traceHeads[0]}\n15\tnow\t{}\t{"value":{}}\n16\tlog\t{"text":"a"}\t{"error":{"errno":"ENOENT"}}\n17\tfinish\t{}\t\n`,
      `a log\r\n${traceHeads[1]}\r\n1\ta\t{}\t{}\r\n[    1.234567] usb\r\n2\tb\t\t\r\n${traceEnd}\r\nmore\r\n`,
      `${traceHeads[0]}\n1\ta\t\t\ncut\tEFBIG\n${traceHeads[1]}\n`,
    ]),
    tokens: bytesOf([...'\n\t\r\0{}"0', ...traceHeads, traceEnd, "cut\t", "\n[ 1.123456] ", "\xff"]),
  }),
  read: (input) =>
    isTaken(TraceError, () => {
      for (const { bundle, engine, entries } of readTraces(input, "x")) {
        const again = `${traceHead(bundle, engine)}\n${entries.map(formatEntry).join("")}`;
        assert.deepEqual(
          readTraces(Buffer.from(again), "again"),
          [{ bundle, engine, entries }],
          "what is written is read the same",
        );
      }
    }),
};

const uuid = "00361d4e-646b-478c-9947-73b9bec8531e";
const nothingIn = { files: {}, kernel: { release: "6.1.0", machine: "x86_64", monolithic: true }, staticInit: true };

/** Machines to rehearse on: what is taken can be made, and its disks' files lie where they are said to. */
const machineReader: FuzzedReader = {
  name: "machine-files",
  material: () => ({
    seeds: bytesOf([
      `{"memory":"4G","disks":[{"name":"vda","size":"20G","behind":["pci:v1"],"partitions":[{"tags":{"TYPE":"ext4","UUID":"${uuid}"},"files":{"sbin/init":{"mode":"0755"},"dev/":""}}]}]}`,
      '{"disks":[{"name":"sda","files":{"a/b":"c","a/l":{"link":"b"},"r.tar.gz":{"size":"300M","archive":{"etc/":"","etc/x":"y"}}}}]}',
      '{"programs":[{"argv":["x","y"],"lasts":2,"files":{"/run/a":"b"},"disks":[{"name":"dm-0"}]}],"console":[{"line":"z","after":1}]}',
      '{"kernel":{"release":"6.1","lacks":["xfs"]},"drivers":{"ahci":{"fails":"ENODEV"}},"modaliases":["acpi:x"],"sysfs":{"a":"b"}}',
    ]),
    tokens: bytesOf([
      ...'{}[]",:/\\0',
      ...['"files":{', '"__proto__":', "\\ud800", "\\u0000", "..", "//", "1e308", "-1", "null", "9999999T", '"a":"b",'],
      ...['"content":"x",', '"name":"vda1"', '{"name":"vda"},', '"gone":0,', '"a/b/":"",'],
    ]),
  }),
  read: (input) =>
    isTaken(BuildError, () => {
      const { devices } = machineOf(parseMachine(input.toString(), "/nowhere/x"), nothingIn, "/nowhere", "");
      assert.equal(new Set(devices.map(({ number }) => number)).size, devices.length, "each number once");
      for (const { files = {} } of devices) {
        const system = createFileSystem("ext4", "0:1", 0);
        addFiles(system, system.root, files, 0);
        for (const [path, file] of Object.entries(files)) {
          const found = findBelow(system.root, path);
          const type = path.endsWith("/") ? "dir" : typeof file === "string" ? "file" : file.type;
          assert.equal(found?.type, type, path);
        }
      }
    }),
};

function findBelow(top: Inode, path: string): Inode | undefined {
  const names = Buffer.from(path).toString("latin1").split("/").filter(Boolean);
  return names.reduce<Inode | undefined>((at, name) => at?.children?.get(name), top);
}

export const textReaders = [
  machineReader,
  traceReader,
  listReader,
  driverListReader,
  configurationReader,
  mkinitrdReader,
  recordedOptionsReader,
  lsinitrdReader,
  kernelReader,
];
