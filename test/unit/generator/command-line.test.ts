import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { parseCommandLine } from "../../../core/generator/command-line.js";
import { compressionNames } from "../../../core/generator/compressor.js";
import { helpText, manualPage, optionHelp } from "../../../core/generator/help.js";
import { makeSettings, type Settings } from "../../../core/generator/settings.js";
import type { Configuration } from "../../../core/schema/configuration.js";
import { options } from "../../../core/schema/options.js";
import { projectFolder } from "../../support/paths.js";
import { run, tryRun } from "../../support/run.js";
import { problemsOf } from "./scratch.js";

function settings(line: string, configuration: Partial<Configuration> = {}, environment = {}): Settings {
  return makeSettings(parseCommandLine(line.split(" ").filter(Boolean)), configuration, environment);
}

test("the command lines of dracut's users", () => {
  const usual = settings("-N -a tmpfs-root -f /boot/initrd-tmpfs.img");
  assert.equal(usual.image, "/boot/initrd-tmpfs.img");
  assert.equal(usual.force, true);
  assert.equal(usual.hostOnly, false);
  assert.deepEqual(usual.modules.add, ["tmpfs-root"]);
  assert.deepEqual(usual.kernel, { release: undefined, folder: undefined });
  const bare = settings("-a tmpfs-root");
  assert.equal(bare.image, undefined);
  assert.equal(bare.force, false);
  assert.equal(bare.hostOnly, true);
});

test("short options can be joined, with a value at the end, attached or not", () => {
  for (const line of [
    "-Nfa one IMAGE 6.1",
    "-Nfaone IMAGE 6.1",
    "-N IMAGE -f 6.1 --add=one",
    "-f IMAGE 6.1 --add one -N",
  ]) {
    const { image, force, hostOnly, modules, kernel } = settings(line);
    assert.match(image ?? "", /\/IMAGE$/, line);
    assert.deepEqual([force, hostOnly, modules.add, kernel?.release], [true, false, ["one"], "6.1"], line);
  }
});

test("lists are separated by blanks or repeated", () => {
  const commandLine = parseCommandLine(["-a", "one two", "-a", " three ", "--omit-drivers", "x", "--omit-drivers=y"]);
  assert.deepEqual(commandLine.words("add"), ["one", "two", "three"]);
  assert.deepEqual(commandLine.words("omit-drivers"), ["x", "y"]);
});

test("of options that exclude each other the last one counts", () => {
  assert.equal(settings("-N -H").hostOnly, true);
  assert.equal(settings("--hostonly -N").hostOnly, false);
  assert.equal(settings("--zstd --gzip").compressor?.name, "gzip");
  assert.equal(settings("--gzip --no-compress").compressor?.name, "none");
  assert.equal(settings("--kver 1 --kver 2").kernel?.release, "2");
});

test("what one command line cannot mean together", async () => {
  const mistakes = async (line: string) => (await problemsOf(() => settings(line))).join("; ");
  assert.match(
    await mistakes("-N --regenerate-all x.img"),
    /^--regenerate-all writes all images at their usual places/,
  );
  assert.match(
    await mistakes("-N --regenerate-all -k /x --rebuild y"),
    /^--regenerate-all and --rebuild contradict .*; --reg.* --kmoddir/,
  );
  assert.match(
    await mistakes("--no-kernel --kernel-only x.img"),
    /^--no-kernel \(no_kernel\) and .* together leave nothing/,
  );
  assert.equal(await mistakes("-N --sysroot /none/such"), "--sysroot: there is no directory /none/such");
  assert.match(await mistakes("--remove etc/.."), /^--remove .* nothing is left of the image$/);
  assert.deepEqual(settings("--remove etc/motd").remove, ["/etc/motd"]);
  assert.equal(await mistakes("--tmpdir /none/such"), "--tmpdir (tmpdir): there is no directory /none/such");
  assert.equal(
    await mistakes("--kver 6.1 x.img 6.2"),
    '--kver 6.1 and the word "6.2" after the image name two kernels: leave one of them out',
  );
  assert.equal(settings("--kver 6.1 x.img 6.1").kernel?.release, "6.1");
  assert.equal(
    await mistakes("--kernel-only -i a b x.img"),
    "--kernel-only and --include contradict each other: leave one of them out",
  );
  for (const option of ["--hostonly-cmdline", "--print-cmdline", "--fstab", "--add-device /dev/vda"])
    assert.match(
      await mistakes(`-N ${option}`),
      new RegExp(`^${option.replace(/ .*/, "")} is about this machine, and -N builds for any`),
    );
  assert.equal(
    settings("-N", { hostonly_cmdline: "yes", use_fstab: "yes" }).storeHostParameters,
    false,
    "for other images",
  );
});

test("a value that is none of the possible ones, and options that cannot work", async () => {
  const problems = await problemsOf(() => parseCommandLine(["-L9", "--sshkey", "k"]));
  assert.equal(problems[0], '-L "9": it is one of 0, 1, 2, 3, 4, 5, 6');
  assert.match(problems[1] ?? "", /^--sshkey: .* it will need a module ssh-client$/);
});

test("what --rebuild repeats: what is in the image, and means the same in any directory", () => {
  const words = [
    "-Nfv",
    "-a",
    "one two",
    "-i",
    "src",
    "/dst",
    "--fwdir=fw",
    "-k",
    "mod",
    "-c",
    "f.conf",
    "x.img",
    "6.1",
  ];
  assert.deepEqual(parseCommandLine(words).recorded, [
    ...["--no-hostonly", "--add=one two", "--include", resolve("src"), "/dst"],
    ...[`--fwdir=${resolve("fw")}`, `--kmoddir=${resolve("mod")}`],
  ]);
  const again = settings("--rebuild old.img -N");
  assert.deepEqual([again.image, again.force], [resolve("old.img"), true]);
  const other = settings("--rebuild old.img -N new.img");
  assert.deepEqual([other.image, other.force], [resolve("new.img"), false]);
});

test("drivers cannot be added to an image without drivers", async () => {
  assert.deepEqual(await problemsOf(() => settings("--no-kernel --add-drivers nbd x.img")), [
    "--no-kernel and --add-drivers contradict each other: leave one of them out",
  ]);
  for (const line of ["--no-kernel x.img 6.1", "--no-kernel --kver 6.1 x.img", "--no-kernel -k /lib/modules/6.1 x.img"])
    assert.equal(settings(line).kernel, undefined, "scripts name a kernel for every image");
  assert.deepEqual(await problemsOf(() => settings("--no-kernel --filesystems ext4 x.img")), [
    "--no-kernel and --filesystems contradict each other: leave one of them out",
  ]);
  assert.equal(settings("--no-kernel x.img", { add_drivers: ["nbd"] }).kernel, undefined, "those of every image");
});

test("--include takes two values wherever it stands", () => {
  const { include, image } = settings("-i /src dst -f -i/other /there IMAGE --include=/third /deep/er");
  assert.deepEqual(include, [
    { source: "/src", destination: "/dst" },
    { source: "/other", destination: "/there" },
    { source: "/third", destination: "/deep/er" },
  ]);
  assert.match(image ?? "", /\/IMAGE$/);
  assert.equal(settings("-i /src in/to/").include[0]?.destination, "/in/to/");
});

test("an image is a file", async () => {
  assert.deepEqual(await problemsOf(() => settings("-f /boot/")), [
    '"/boot/" is no name of a file: name one for the image',
  ]);
});

test("--fwdir takes several directories, relative ones too", () => {
  assert.deepEqual(settings("--fwdir fw:/lib/fw").firmwareFolders, [resolve("fw"), "/lib/fw"]);
  assert.deepEqual(settings("", { fw_dir: ["/a:/b", "/c"] }).firmwareFolders, ["/a", "/b", "/c"]);
});

test("all mistakes are told at once, with the nearest right name", async () => {
  const line = ["--ad", "x", "-Z", "--force=yes", "a", "b", "-nn", "--kver"];
  assert.deepEqual(await problemsOf(() => parseCommandLine(line)), [
    "unknown option --ad: did you mean --add?",
    "unknown option -Z; mkinitrd --help shows all",
    "--force takes no value",
    "unknown option -n: did you mean -N?",
    "--kver needs a value: KVER",
    '"b" is one word too many: after the options come [IMAGE [KVER]]',
  ]);
  assert.deepEqual(await problemsOf(() => parseCommandLine(["-i", "src"])), ["-i needs two values: SRC DST"]);
  assert.deepEqual(await problemsOf(() => parseCommandLine(["-i", "src", ""])), ["-i needs two values: SRC DST"]);
  assert.deepEqual(await problemsOf(() => parseCommandLine(["-i"])), ["-i needs a value: SRC DST"]);
});

test("an empty value is a mistake, but where nothing is added", async () => {
  const line = ["-m", "", "-d", " ", "--kver", "", "--kmoddir=", "--fwdir=", "--compress", "", "-c", "", "-L", ""];
  assert.deepEqual(
    (await problemsOf(() => parseCommandLine(line))).map((problem) => problem.replace(/ needs a value: \w+$/, "")),
    ["-m", "-d", "--kver", "--kmoddir", "--fwdir", "--compress", "-c", "-L"],
  );
  const { modules, drivers, kernelCommandLine } = makeSettings(
    parseCommandLine(["-a", "", "--add-drivers=", "--omit", " ", "--kernel-cmdline", ""]),
    {},
    {},
  );
  assert.deepEqual([modules.add, modules.omit, drivers.add, kernelCommandLine], [[], [], [], ""]);
  const emptyWord = () => makeSettings(parseCommandLine(["x.img", ""]), {}, {});
  assert.deepEqual(await problemsOf(emptyWord), ['"" is no kernel release: name one, or leave the word out']);
});

test("names that every object has are no options", async () => {
  assert.equal((await problemsOf(() => parseCommandLine(["--__proto__", "--constructor=x"]))).length, 2);
});

test("-- ends the options", () => {
  assert.deepEqual(parseCommandLine(["-f", "--", "-N", "6.1"]).operands, ["-N", "6.1"]);
});

test("the command line adds to the configuration, and overrides it", () => {
  const configuration: Partial<Configuration> = {
    hostonly: "no",
    add_dracutmodules: ["a", "b"],
    omit_dracutmodules: ["c"],
    compress: "gzip -9",
    kernel_cmdline: "rd.retry=5",
    fw_dir: ["/fw"],
  };
  const plain = settings("", configuration);
  assert.deepEqual(plain.modules, { modules: undefined, add: ["a", "b"], force: [], omit: ["c"] });
  assert.deepEqual([plain.hostOnly, plain.compressor?.parameters], [false, ["-n", "-c", "-9"]]);
  const overridden = settings("-H -a c -o b --zstd --fwdir /other --kernel-cmdline quiet", configuration);
  assert.deepEqual(overridden.modules, { modules: undefined, add: ["a", "c"], force: [], omit: ["b"] });
  assert.deepEqual([overridden.hostOnly, overridden.compressor?.name], [true, "zstd"]);
  assert.deepEqual(overridden.firmwareFolders, ["/other"]);
  assert.equal(overridden.kernelCommandLine, "rd.retry=5 quiet");
});

test("compression is a known program with a level", async () => {
  const parsed = (text: string) => makeSettings(parseCommandLine(["--compress", text]), {}, {}).compressor;
  assert.deepEqual(parsed("zstd -15")?.parameters, ["-q", "-c", "-T0", "-B4MiB", "-15"]);
  assert.deepEqual(
    parsed("zstd -15 -q -T0")?.parameters,
    ["-q", "-c", "-T0", "-B4MiB", "-15"],
    "as dracut's default is written",
  );
  assert.equal(parsed("cat")?.name, "none");
  for (const name of ["rar", "constructor", "__proto__"])
    assert.match(
      (await problemsOf(() => parsed(name)))[0] ?? "",
      new RegExp(`unknown compression "${name}": zstd, gzip, xz, lz4, lzo, bzip2, lzma or none`),
    );
  assert.match((await problemsOf(() => parsed("gzip -15")))[0] ?? "", /-15 is not a level of gzip/);
  assert.match((await problemsOf(() => parsed("zstd -o /etc/passwd")))[0] ?? "", /-o is not a level of zstd/);
});

test("each compression is an option, and what is not said is left open", () => {
  for (const name of compressionNames) assert.equal(settings(`--gzip --${name}`).compressor?.name, name);
  assert.equal(settings("--xz --no-compress").compressor?.name, "none");
  assert.equal(settings("").compressor, undefined);
  assert.deepEqual([settings("").earlyMicrocode, settings("").strip], [true, undefined]);
  const configuration = { early_microcode: "no", do_strip: "no" } as const;
  assert.deepEqual([settings("", configuration).earlyMicrocode, settings("", configuration).strip], [false, false]);
  const overridden = settings("--no-early-microcode --early-microcode --nostrip --strip", configuration);
  assert.deepEqual([overridden.earlyMicrocode, overridden.strip], [true, true]);
});

test("SOURCE_DATE_EPOCH is a time or a mistake", async () => {
  assert.equal(settings("", {}, { SOURCE_DATE_EPOCH: "1700000000" }).sourceDate, 1700000000);
  assert.equal(settings("", {}, {}).sourceDate, undefined);
  const free = settings("--no-reproducible", {}, { SOURCE_DATE_EPOCH: "1700000000" });
  assert.equal(free.sourceDate, undefined);
  assert.ok((free.made ?? 0) > 1.7e9);
  assert.equal(settings("--reproducible", { reproducible: "no" }, {}).made, undefined);
  for (const wrong of ["yesterday", "-1", "1e3", "99999999999"])
    assert.match(
      (await problemsOf(() => settings("", {}, { SOURCE_DATE_EPOCH: wrong })))[0] ?? "",
      /SOURCE_DATE_EPOCH/,
    );
});

test("the help fits on one screen", () => {
  // The last one, which is empty, is the prompt's.
  const lines = helpText().split("\n");
  assert.ok(lines.length <= 24, `${lines.length} lines`);
  assert.deepEqual(
    lines.filter((line) => line.length > 80),
    [],
  );
});

test("--help OPTION tells of one option, by any of its names", async () => {
  const text = optionHelp("--kmoddir");
  assert.match(
    text,
    /^-k, --kmoddir DIR\n {2}directory of the kernel's drivers\n.*\/lib\/modules\/KVER.*Configuration: drivers_dir\.\n$/s,
  );
  for (const name of ["kmoddir", "-k", "k"]) assert.equal(optionHelp(name), text);
  assert.match(optionHelp("sshkey"), /An error: .*ssh-client/);
  assert.deepEqual(await problemsOf(() => optionHelp("--kmodir")), [
    "there is no option --kmodir: did you mean --kmoddir?",
  ]);
  assert.deepEqual(await problemsOf(() => optionHelp("-K")), ["there is no option -K: did you mean -k?"]);
});

test("the manual page is that of the table of options, and groff has nothing to say against it", async () => {
  const path = join(projectFolder, "man/mkinitrd.8");
  assert.equal(readFileSync(path, "utf8"), manualPage(), "run npm run build && npm run man");
  const { status, stdout, stderr } = await tryRun(["groff", "-man", "-ww", "-z", path]);
  assert.deepEqual([status, stdout, stderr], [0, "", ""]);
  const shown = await run(["groff", "-man", "-Tascii", "-P-cbou", path]);
  for (const { long } of options) assert.ok(shown.includes(`--${long}`), long);
});
