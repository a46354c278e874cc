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
  assert.deepEqual(readConfiguration({ file: join(folder, "dracut.conf"), folders: [] }), {
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
  const configuration = readConfiguration({
    file: join(folder, "dracut.conf"),
    folders: [join(folder, "etc"), join(folder, "lib")],
  });
  assert.deepEqual(configuration, {
    add_drivers: ["one", "before", "two", "between", "three"],
    omit_drivers: ["three"],
  });
});

test("an empty value takes back what was set before", async (context) => {
  const lines = ['add_drivers="one"', 'dracutmodules="base"', 'compress="gzip"', 'logfile="/log"', 'fw_dir+=" /fw "'];
  const empty = [
    'add_drivers=""',
    "dracutmodules=",
    "compress=''",
    'logfile="" # none',
    'fw_dir=" "',
    'add_drivers+=""',
  ];
  const folder = scratchFolder(context, {
    "all.conf": [...lines, ...empty].join("\n"),
    "one.conf": [...lines, 'add_drivers+=""', 'hostonly=""', 'emergency_password_hash=""'].join("\n"),
  });
  assert.deepEqual(readConfiguration({ file: join(folder, "all.conf"), folders: [] }), {});
  const problems = await problemsOf(() => readConfiguration({ file: join(folder, "one.conf"), folders: [] }));
  assert.deepEqual(
    problems.map((problem) => problem.replace(folder, "F")),
    [
      'F/one.conf:7: hostonly="": it has to be one of yes, no',
      'F/one.conf:8: emergency_password_hash="": it has to be a hash, as openssl passwd -6 prints it',
    ],
  );
});

test("a configuration of dracut's: what sets nothing here is told of", (context) => {
  const text = '# dracut modules to omit\nomit_dracutmodules+=" plymouth "\n\nmdadmconf="yes"\nlvmconf=yes\n';
  const folder = scratchFolder(context, { "dracut.conf": text });
  const said: string[] = [];
  const places = { file: join(folder, "dracut.conf"), folders: [], warn: (line: string) => void said.push(line) };
  assert.deepEqual(readConfiguration(places), { omit_dracutmodules: ["plymouth"] });
  assert.deepEqual(said, [
    `${folder}/dracut.conf:4: mdadmconf is dracut's, and sets nothing here`,
    `${folder}/dracut.conf:5: lvmconf is dracut's, and sets nothing here`,
  ]);
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
      'sshkey="/x"',
      'add_fstab+=" x "',
      "stdloglvl=7",
      'compress="rar"',
      "emergency_password_hash='sesame'",
    ].join("\n"),
    "conf.d/x.conf": "nothing here\n",
  });
  const file = join(folder, "dracut.conf");
  const problems = await problemsOf(() => readConfiguration({ file, folders: [join(folder, "conf.d")] }));
  const expected = [
    /^compress: \$, ` and \\ have a meaning in a shell, but this file is not executed/,
    /^not understood: "touch /,
    /^hostonly="maybe": it has to be one of yes, no$/,
    /^unknown key add_dracutmodule: did you mean add_dracutmodules\?/,
    /^drivers_dir="relative": it has to be an absolute path$/,
    /^not understood: "add_drivers="unfinished"/,
    /^not understood: "add_drivers=x;touch/,
    /^unknown key __proto__/,
    /^sshkey: .* it will need a module ssh-client/,
    /^add_fstab=" x ": it has to be an absolute path$/,
    /^stdloglvl="7": it has to be one of 0, 1, 2, 3, 4, 5, 6$/,
    /^compress: unknown compression "rar": zstd, /,
    /^emergency_password_hash: this is no hash of a password .*: make one with openssl passwd -6$/,
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

test("what is named has to be there, the usual places need not", async (context) => {
  const missing = join(scratchFolder(context), "missing.conf");
  const places = { file: missing, folders: [missing] };
  assert.deepEqual(readConfiguration(places), {});
  assert.deepEqual(await problemsOf(() => readConfiguration({ ...places, fileRequired: true })), [
    `configuration ${missing}: no such file or directory`,
  ]);
  assert.deepEqual(await problemsOf(() => readConfiguration({ ...places, foldersRequired: true })), [
    `configuration ${missing}: no such file or directory`,
  ]);
  const folder = scratchFolder(context, { file: "nothing here", "d/x.conf/y": "" });
  const wrong = { file: join(folder, "d"), folders: [join(folder, "file"), join(folder, "d")] };
  assert.deepEqual(await problemsOf(() => readConfiguration(wrong)), [
    `configuration ${folder}/file: it, or a part of its path, is not a directory`,
    `configuration ${folder}/d: it is a directory`,
    `configuration ${folder}/d/x.conf: it is a directory`,
  ]);
});

test("dracut.conf.example changes nothing, its samples are right, and show every key", (context) => {
  const example = join(projectFolder, "dracut.conf.example");
  assert.deepEqual(readConfiguration({ file: example, folders: [], fileRequired: true }), {});
  const samples = readFileSync(example, "utf8").replaceAll(/^#(?=\w+\+?=)/gm, "");
  const folder = scratchFolder(context, { "dracut.conf": samples });
  const configuration = readConfiguration({ file: join(folder, "dracut.conf"), folders: [] });
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
  const warnings: string[] = [];
  const add = (variables: NodeJS.ProcessEnv) => addEnvironment(files, variables, (text) => warnings.push(text));
  const both = add(environment);
  assert.deepEqual(both, { hostonly: "no", compress: "none", add_drivers: ["one", "two", "three"] });
  const { hostonly, compress, add_drivers } = mergeCommandLine(parseCommandLine(["-H", "--add-drivers", "four"]), both);
  assert.deepEqual([hostonly, compress, add_drivers], ["yes", "none", ["one", "two", "three", "four"]]);
  assert.deepEqual(await problemsOf(() => add({ DRACUT_HOSTONLY: "maybe", DRACUT_LOGFILE: "x" })), [
    'environment variable DRACUT_HOSTONLY: hostonly="maybe": it has to be one of yes, no',
    'environment variable DRACUT_LOGFILE: logfile="x": it has to be an absolute path',
  ]);
  assert.deepEqual(warnings, []);
  assert.deepEqual(add({ DRACUT_HOSTONYL: "no", DRACUT_Compress: "xz", DRACUT_SSHKEY: "/x" }), files);
  assert.deepEqual(warnings, [
    "environment variable DRACUT_HOSTONYL sets nothing: unknown key hostonyl: did you mean hostonly?",
    "environment variable DRACUT_Compress sets nothing: write DRACUT_COMPRESS",
    "environment variable DRACUT_SSHKEY sets nothing: sshkey: no module uses SSH: it will need a module ssh-client",
  ]);
});

test("what --printconfig shows is a configuration that means the same", async (context) => {
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
  assert.deepEqual(readConfiguration({ file: join(folder, "dracut.conf"), folders: [] }), merged);
  assert.equal(merged.kernel_cmdline, 'a="b c" $d');
  for (const text of [`it's "quoted"`, "two\nlines"])
    assert.match(
      (await problemsOf(() => formatConfiguration({ kernel_cmdline: text })))[0] ?? "",
      /^kernel_cmdline cannot be written into a configuration/,
    );
});
