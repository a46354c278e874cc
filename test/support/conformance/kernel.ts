/**
 * What needs a kernel of its own: drivers, and kexec. Expects /proc and /sys mounted, the index and the files of test/support/kernel-image.ts, and
 * a kernel that was started with its command line.
 */
import { type Case, equal, errnoOf, type OpsUnderTest, ok } from "./suite.js";

const chainOf = (ops: OpsUnderTest, name: string) =>
  ops.value("resolveDriver", { alias: name }).matches[0]?.chain ?? [];
const insert = (ops: OpsUnderTest, ...drivers: { name: string; path: string; parameters: string }[]) =>
  ops
    .done("insert", { drivers })
    .results.map(({ name, inserted, error }) => `${name} ${error ?? (inserted ? "now" : "before")}`);
const inKernel = (ops: OpsUnderTest) =>
  ops
    .value("read", { path: "/proc/modules" })
    .data.split("\n")
    .map((line) => line.split(" ")[0]);

const commandLine: Case = {
  name: "what the kernel does not know of its command line, and what comes after --, is init's",
  run(ops) {
    equal(ops.value("kernel", {}).arguments, ["single", "two words", "last", "a=b"], "arguments");
  },
};

const chain: Case = {
  name: "insert: a chain in its order, and what is there already",
  run(ops) {
    const drivers = chainOf(ops, "fs-vfat");
    equal(insert(ops, ...drivers), ["fat now", "vfat now"], "inserted");
    equal(insert(ops, ...drivers), ["fat before", "vfat before"], "again");
  },
};

const broken: Case = {
  name: "insert: what is no driver",
  run(ops) {
    ops.value("write", { path: "/junk.ko", data: "no driver", mode: 0o600 });
    const file = (path: string) => ({ name: "x", path, parameters: "" });
    equal(insert(ops, file("/junk.ko"), file("/none.ko")), ["x ENOEXEC", "x ENOENT"], "errors");
  },
};

const refusedKernels: Case = {
  name: "kexecLoad: what is no kernel, and what is not there",
  run(ops) {
    const load = (kernel: string, initrd?: string) =>
      errnoOf(ops.job("kexecLoad", { kernel, cmdline: "quiet", ...(initrd === undefined ? {} : { initrd }) }));
    equal(load("/none"), "ENOENT", "no kernel");
    equal(load("/kernel", "/none"), "ENOENT", "no initramfs image");
    equal(load("/junk.ko"), "ENOEXEC", "junk");
    equal(load("/lib"), "EINVAL", "a folder");
    equal(load("/empty"), "EINVAL", "an empty file");
  },
};

const loadedKernel: Case = {
  name: "kexecLoad",
  run(ops) {
    const load = (cmdline: string) => ops.job("kexecLoad", { kernel: "/kernel", initrd: "/second", cmdline });
    equal(errnoOf(load("x".repeat(2048))), "EINVAL", "a command line that is too long");
    // The last one counts.
    for (const cmdline of ["console=ttyS0 lost", 'console=ttyS0 panic=-1 stage=2 "two words" -- given'])
      equal(load(cmdline), { value: {} }, cmdline);
  },
};

export const cases: readonly Case[] = [commandLine, chain, broken, refusedKernels, loadedKernel];

const parameters: Case = {
  name: "insert: parameters",
  run(ops) {
    const [dummy] = chainOf(ops, "dummy");
    ok(dummy !== undefined, "dummy");
    equal(dummy.parameters, "numdummies=2", "those of the index");
    equal(insert(ops, { ...dummy, parameters: "numdummies=two" }), ["dummy EINVAL"], "a wrong value");
    equal(
      insert(ops, { ...dummy, parameters: "numdummies=2 nonsense=1" }),
      ["dummy now"],
      "a name that it does not know",
    );
    const cards = ops.value("list", { path: "/sys/class/net" }).entries.map(({ name }) => name);
    equal(
      cards.filter((name) => name.startsWith("dummy")),
      ["dummy0", "dummy1"],
      "its devices",
    );
  },
};

const wrong: Case = {
  name: "insert: a driver of another kernel, one that is cut, one without what it needs, one that the command line forbids",
  run(ops) {
    const file = (path: string) => ({ name: "x", path, parameters: "" });
    // Another layout of drivers altogether, or, as between Debian 13's kernels, another version of a symbol.
    const [other = ""] = insert(ops, file("/other/fat.ko"));
    ok(/^x (ENOEXEC|EINVAL)$/.test(other), `another kernel's: ${other}`);
    equal(insert(ops, file("/cut.ko")), ["x ENOEXEC"], "cut");
    equal(insert(ops, ...chainOf(ops, "xfs").slice(-1)), ["xfs ENOENT"], "without libcrc32c");
    equal(insert(ops, ...chainOf(ops, "isofs")), ["isofs EPERM"], "module_blacklist=isofs");
  },
};

const requests: Case = {
  name: "the kernel's own requests: answered out of the index, but for what is blacklisted there",
  run(ops) {
    const mount = (type: string) =>
      errnoOf(ops.job("mount", { source: "/none", target: "/mnt", type, flags: [], data: "" }));
    ops.value("makeDir", { path: "/mnt" });
    equal(mount("exfat"), "ENOENT", "exfat");
    equal(mount("minix"), "ENODEV", "minix");
    const drivers = inKernel(ops);
    equal([drivers.includes("exfat"), drivers.includes("minix")], [true, false], "in the kernel");
  },
};

/** The simulated machine knows no symbols, parameters and signatures, and no requests of its kernel. */
export const nativeCases: readonly Case[] = [parameters, wrong, requests];
