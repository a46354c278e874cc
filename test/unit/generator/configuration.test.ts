import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { mergeCommandLine, parseCommandLine } from "../../../core/generator/command-line.js";
import { addEnvironment, formatConfiguration, readConfiguration } from "../../../core/generator/configuration.js";
import { makeSettings } from "../../../core/generator/settings.js";
import { type Configuration, configurationSchema } from "../../../core/schema/configuration.js";
import { projectFolder } from "../../support/paths.js";
import { problemsOf, scratchFolder } from "./scratch.js";

test("the forms of dracut's lines", (context) => {
  const folder = scratchFolder(context, {
    "dracut.conf": [
      "# a comment",
      "",
      'add_dracutmodules+=" tmpfs-root "',
      "add_dracutmodules+=' lvm crypt '   # two more",
      "hostonly=no",
      '  compress="zstd -15"#close',
      'kernel_cmdline="rd.retry=60"',
      'kernel_cmdline+=" quiet"',
    ].join("\n"),
  });
  assert.deepEqual(readConfiguration(join(folder, "dracut.conf"), [], { required: true }), {
    add_dracutmodules: ["tmpfs-root", "lvm", "crypt"],
    hostonly: "no",
    compress: "zstd -15",
    kernel_cmdline: "rd.retry=60 quiet",
  });
});

test("= sets a list anew, += adds to it; files count in the version order of their names", (context) => {
  const folder = scratchFolder(context, {
    "dracut.conf": 'add_drivers="one"\nomit_drivers="one"\n',
    "etc/20-b.conf": 'add_drivers+=" three "\nomit_drivers="three"\n',
    "lib/9-a.conf": 'add_drivers+=" before "\n',
    "etc/10-same.conf": 'add_drivers+=" two "\n',
    "lib/10-same.conf": 'add_drivers+=" hidden "\n',
    "lib/15-c.conf": 'add_drivers+=" between "\n',
    "lib/note.txt": "not configuration",
  });
  const configuration = readConfiguration(join(folder, "dracut.conf"), [join(folder, "etc"), join(folder, "lib")], {
    required: false,
  });
  assert.deepEqual(configuration, {
    add_drivers: ["one", "before", "two", "between", "three"],
    omit_drivers: ["three"],
  });
});

test("nothing is executed, and every mistake has its file and line", async (context) => {
  const canary = join(scratchFolder(context), "canary");
  const folder = scratchFolder(context, {
    "dracut.conf": [
      `compress="$(touch ${canary})"`,
      `touch ${canary}`,
      "hostonly=maybe",
      'add_dracutmodule+=" x "',
      'drivers_dir="relative"',
      'add_drivers="unfinished',
      `add_drivers=x;touch ${canary}`,
      '__proto__="x"',
      'tmpdir="/var/tmp"',
      'fstab_lines+=" x "',
      "stdloglvl=7",
    ].join("\n"),
    "conf.d/x.conf": "nothing here\n",
  });
  const file = join(folder, "dracut.conf");
  const problems = await problemsOf(() => readConfiguration(file, [join(folder, "conf.d")], { required: true }));
  const expected = [
    /^compress: \$, ` and \\ have a meaning in a shell, but this file is not executed/,
    /^not understood: "touch /,
    /^hostonly="maybe": it must be equal to one of the allowed values \(yes, no\)/,
    /^unknown key add_dracutmodule: did you mean add_dracutmodules\?/,
    /^drivers_dir="relative": it must match pattern/,
    /^not understood: "add_drivers="unfinished"/,
    /^not understood: "add_drivers=x;touch/,
    /^unknown key __proto__/,
    /^tmpdir: mkinitrd has no temporary directory/,
    /^fstab_lines: .* it will need a module fstab-sys/,
    /^stdloglvl="7": it must be equal to one of the allowed values \(0, 1, 2/,
  ];
  assert.equal(problems.length, expected.length + 1);
  for (const [index, pattern] of expected.entries()) {
    const prefix = `${file}:${index + 1}: `;
    assert.ok(problems[index]?.startsWith(prefix), problems[index]);
    assert.match(problems[index]?.slice(prefix.length) ?? "", pattern);
  }
  assert.ok(problems.at(-1)?.startsWith(`${join(folder, "conf.d/x.conf")}:1: not understood`));
  assert.equal(existsSync(canary), false);
});

test("a file that is named has to be there, the usual one need not", async (context) => {
  const missing = join(scratchFolder(context), "missing.conf");
  assert.deepEqual(readConfiguration(missing, [], { required: false }), {});
  assert.deepEqual(await problemsOf(() => readConfiguration(missing, [], { required: true })), [
    `configuration file ${missing}: no such file or directory`,
  ]);
});

test("dracut.conf.example changes nothing, its samples are right, and show every key", (context) => {
  const example = join(projectFolder, "dracut.conf.example");
  assert.deepEqual(readConfiguration(example, [], { required: true }), {});
  const samples = readFileSync(example, "utf8").replaceAll(/^#(?=\w+\+?=)/gm, "");
  const folder = scratchFolder(context, { "dracut.conf": samples });
  const configuration = readConfiguration(join(folder, "dracut.conf"), [], { required: true });
  assert.deepEqual(Object.keys(configuration).sort(), Object.keys(configurationSchema.properties).sort());
  const settings = makeSettings(parseCommandLine([]), configuration, {});
  assert.deepEqual(settings.modules, {
    modules: ["base", "kernel-modules", "rootfs-block", "busybox"],
    add: ["tmpfs-root"],
    force: ["tmpfs-root"],
    omit: ["busybox"],
  });
  assert.equal(settings.compressor?.name, "zstd");
});

test("the environment comes after the files and before the command line", async () => {
  const files: Partial<Configuration> = { hostonly: "yes", compress: "gzip", add_drivers: ["one"] };
  const environment = { DRACUT_HOSTONLY: "no", DRACUT_COMPRESS: "none", DRACUT_ADD_DRIVERS: "two  three", DRACUT: "x" };
  const both = addEnvironment(files, environment);
  assert.deepEqual(both, { hostonly: "no", compress: "none", add_drivers: ["one", "two", "three"] });
  const { hostonly, compress, add_drivers } = mergeCommandLine(parseCommandLine(["-H", "--add-drivers", "four"]), both);
  assert.deepEqual([hostonly, compress, add_drivers], ["yes", "none", ["one", "two", "three", "four"]]);
  assert.deepEqual(await problemsOf(() => addEnvironment(files, { DRACUT_HOSTONLY: "maybe", DRACUT_LOGFILE: "x" })), [
    'environment variable DRACUT_HOSTONLY: hostonly="maybe": it must be equal to one of the allowed values (yes, no)',
    'environment variable DRACUT_LOGFILE: logfile="x": it must match pattern "^/"',
  ]);
});

test("what --printconfig shows is a configuration that means the same", (context) => {
  const words = [
    "-N",
    "-a",
    "lvm crypt",
    "--kernel-cmdline",
    'a="b c"',
    "--kernel-cmdline=$d",
    "-d",
    "x",
    "--fwdir",
    "/a:/b",
  ];
  const merged = mergeCommandLine(parseCommandLine(words), { omit_drivers: ["y"], compress: "zstd -3" });
  const folder = scratchFolder(context, { "dracut.conf": formatConfiguration(merged) });
  assert.deepEqual(readConfiguration(join(folder, "dracut.conf"), [], { required: true }), merged);
  assert.equal(merged.kernel_cmdline, 'a="b c" $d');
});
