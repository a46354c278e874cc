/** What the image holds for a boot that fails: PID 1's first policy, the shell, its password. */
import assert from "node:assert/strict";
import { chmodSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { rescuePath, shellPath } from "../../../core/abi/index.js";
import { parseCommandLine } from "../../../core/generator/command-line.js";
import { addEnvironment } from "../../../core/generator/configuration.js";
import { addText } from "../../../core/generator/fill-tree.js";
import { addRescue } from "../../../core/generator/rescue.js";
import { makeSettings } from "../../../core/generator/settings.js";
import { createTree, type Tree } from "../../../core/generator/tree.js";
import { run } from "../../support/run.js";
import { staticBusybox } from "../../support/tiny-root.js";
import { problemsOf, scratchFolder } from "./scratch.js";

const hash = `$6$salt$${"x".repeat(86)}`;

function treeWith(files: Record<string, string>): Tree {
  const tree = createTree();
  for (const [path, text] of Object.entries(files)) addText(tree, path, text);
  return tree;
}

function add(tree: Tree, kernelCommandLine: string, emergencyPasswordHash?: string): string[] {
  const warnings: string[] = [];
  const report = { warning: (text: string) => void warnings.push(text), note: () => {} };
  addRescue(tree, { kernelCommandLine, emergencyPasswordHash }, { expectShell: true, report });
  return warnings;
}

function textOf(tree: Tree, path: string): string {
  const entry = tree.get(path);
  return entry?.type === "file" ? String(entry.content) : "";
}

test("PID 1's first policy is what the image's own command line says", () => {
  const policies: Record<string, string> = {
    "": "shell=1 action=none delay=10",
    "rd.shell=0": "shell=0 action=none delay=10",
    "rd.shell=no rd.shell": "shell=1 action=none delay=10",
    "rd.emergency=halt quiet": "shell=1 action=halt delay=10",
    "panic=5": "shell=1 action=reboot delay=5",
    "panic=-1 rd.emergency=poweroff": "shell=1 action=poweroff delay=0",
    "panic=0": "shell=1 action=none delay=10",
    "panic=soon rd.emergency=dance": "shell=1 action=none delay=10",
  };
  for (const [line, policy] of Object.entries(policies)) {
    const tree = treeWith({ "/bin/sh": "" });
    assert.deepEqual(add(tree, line), []);
    assert.equal(textOf(tree, rescuePath), `${policy}\n`, line);
  }
});

test("without a shell there is none to start, and a warning where one was expected", () => {
  const tree = treeWith({});
  assert.match(add(tree, "", hash)[0] ?? "", /there is no emergency shell/);
  assert.equal(textOf(tree, rescuePath), "shell=0 action=none delay=10\n");
  assert.equal(tree.get(shellPath), undefined);
});

test("a password: the shell asks for it, only root can read its hash", async () => {
  const busybox = { "/bin/sh": "", "/usr/bin/busybox": "\0sh\0mkpasswd\0sum\0" };
  const plain = treeWith(busybox);
  add(plain, "");
  assert.equal(textOf(plain, shellPath), "#!/bin/sh\nexec /bin/sh\n");
  for (const [given, method] of [
    [hash, "sha512"],
    [`$5$salt$${"x".repeat(43)}`, "sha256"],
  ] as const) {
    const tree = treeWith(busybox);
    add(tree, "", given);
    assert.ok(textOf(tree, shellPath).includes(`mkpasswd -m ${method} -S 'salt' -P 0`));
    assert.ok(textOf(tree, shellPath).includes(`= '${given}' ]`));
    const entry = tree.get(shellPath);
    assert.equal(entry?.type === "file" && entry.mode, 0o700);
  }
  const without = treeWith({ "/bin/sh": "", "/usr/bin/busybox": "\0sh\0sum\0" });
  assert.match((await problemsOf(() => add(without, "", hash)))[0] ?? "", /needs a busybox with mkpasswd/);
});

test("three wrong passwords: a longer pause, then asked again; the right one becomes the shell, the end of input does not", async (context) => {
  const busybox = await staticBusybox();
  const right = (await run([busybox, "mkpasswd", "-m", "sha512", "-S", "salt", "it's $HOME"])).trim();
  const tree = treeWith({ "/bin/sh": "", "/usr/bin/busybox": "\0mkpasswd\0" });
  add(tree, "", right);
  const folder = scratchFolder(context, {
    shell: textOf(tree, shellPath),
    sleep: '#!/bin/sh\necho "slept $1"\n',
    stty: '#!/bin/sh\necho "stty $1"\n',
  });
  for (const name of ["sleep", "stty"]) chmodSync(join(folder, name), 0o755);
  symlinkSync(busybox, join(folder, "busybox"));
  const answer = async (keys: string) => {
    const command = ["sh", "-c", `printf '%s' "$1" | PATH='${folder}':$PATH sh '${folder}/shell'`, "sh", keys];
    return (await run(command)).replaceAll(/^Password .*: /gm, "");
  };
  const wrong = "\nThat is not the password.\nslept ";
  assert.equal(
    await answer("it's\n\nit's $HOME \nit's $HOME\necho inside $0\n"),
    `stty -echo\n${wrong}1\n${wrong}1\n${wrong}10\n\nstty echo\ninside /bin/sh\n`,
  );
  assert.equal(await answer("echo inside"), "stty -echo\nstty echo\n");
});

test("what is no hash is refused, and not shown", async () => {
  const taken = (text: string) =>
    makeSettings(
      parseCommandLine([]),
      addEnvironment({}, { DRACUT_EMERGENCY_PASSWORD_HASH: text }, () => undefined),
      {},
    );
  for (const good of [hash, `$5$salt$${"x".repeat(43)}`]) assert.equal(taken(good).emergencyPasswordHash, good);
  for (const bad of [
    "sesame",
    "",
    "$6$salt$short",
    `$6$sa'lt$${"x".repeat(86)}`,
    `$1$salt$${"x".repeat(22)}`,
    `${hash}:0:`,
    `${hash}\nx`,
  ]) {
    const [problem = ""] = await problemsOf(() => taken(bad));
    assert.match(problem, /emergency_password_hash.* hash.* openssl passwd -6/);
    assert.ok(!bad || !problem.includes(bad));
  }
});
