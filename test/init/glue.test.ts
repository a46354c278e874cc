import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, test } from "node:test";
import { ops } from "../../core/abi/index.js";
import { abiHeader } from "../../core/init/abi-header.js";
import { buildInit } from "../../core/init/build.js";
import { declarations, glueHeader, withFixedMemory } from "../../core/init/glue.js";
import { importLetters } from "../../core/rehearsal/engine-host.js";
import { run } from "../support/run.js";

const require = createRequire(import.meta.url);
const packageName = "@jitl/quickjs-ng-wasmfile-release-sync";
const wasm = require.resolve(`${packageName}/wasm`);
const code = readFileSync(join(dirname(wasm), "emscripten-module.cjs"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "firstlight-glue-"));
after(() => rmSync(folder, { recursive: true }));

let header = "";
before(async () => {
  await run(["wasm2c", "-n", "engine", wasm, "-o", join(folder, "module.c")]);
  header = readFileSync(join(folder, "module.h"), "utf8");
});

test("every import has one name, every export that the JavaScript names a wrapper", () => {
  const glue = glueHeader(header, code);
  const imports = declarations(header, "import");
  assert.equal(imports.length, 20);
  for (const { letter, symbol } of imports)
    assert.equal(
      glue.match(new RegExp(`^#define HOST_\\w+ ${symbol.replaceAll("$", "\\$")}$`, "gm"))?.length,
      1,
      `import ${letter}`,
    );
  const symbol = (letter: string) => declarations(header, "import").find((each) => each.letter === letter)?.symbol;
  assert.ok(glue.includes(`#define HOST_CALL_FUNCTION ${symbol("t")}\n`));
  assert.ok(glue.includes(`#define HOST_RESIZE_HEAP ${symbol("k")}\n`));
  assert.ok(glue.includes(`#define HOST_PROC_EXIT ${symbol("s")}\n`));
  // The engine on the host knows some by heart.
  for (const [name, letter] of Object.entries(importLetters))
    assert.ok(glue.includes(`#define ${name} ${symbol(letter)}\n`), name);
  for (const name of ["QTS_NewRuntime", "QTS_Eval", "QTS_malloc", "QTS_free", "QTS_start"])
    assert.match(glue, new RegExp(`^static inline \\w+ ${name}\\(`, "m"));
});

test("loads and stores find the memory without looking its address up, or the build fails", () => {
  const fixed = withFixedMemory(readFileSync(join(folder, "module.c"), "utf8"));
  const ofBytes = /^ +wasm_rt_memcpy\(.*&\(\(u8\*\)ENGINE_MEMORY\)\[addr\]|#define MEM_ADDR\(.*ENGINE_MEMORY/gm;
  assert.ok(ofBytes.test(fixed));
  assert.doesNotMatch(fixed, /data\[addr\]/);
  assert.throws(() => withFixedMemory("void f(void) {}"), /this version of wabt is not known/);
});

test("glue that cannot be told for certain fails the build", () => {
  const changes: [from: string | RegExp, to: string, says: RegExp][] = [
    ["p:()=>Date.now()", "p:()=>0", /0 imports that look like HOST_DATE_NOW/],
    ["c.callbacks.shouldInterrupt", "c.callbacks.other", /0 imports that look like HOST_INTERRUPT_HANDLER/],
    ["d:()=>52", "d:()=>c.callbacks.shouldInterrupt", /HOST_FD_CLOSE|2 imports that look like HOST_INTERRUPT_HANDLER/],
    ["{a:ua}", "{}", /no object of imports/],
    ["c._QTS_Eval=b.qa;", "c._QTS_Eval=b.none;", /does not export none, which its JavaScript glue calls QTS_Eval/],
    ["c._QTS_Eval=b.qa;", "c._QTS_Eval=b.qa;c._QTS_Eval=b.ra;", /names QTS_Eval twice/],
    ["L=!0;Z.v();", "L=!0;", /does not call its start function/],
  ];
  for (const [from, to, says] of changes) {
    const changed = code.replace(from, to);
    assert.notEqual(changed, code, String(from));
    assert.throws(() => glueHeader(header, changed), says);
  }
  const oneMore = `${header}\n/* import: 'a' 'zz' */\nvoid unknown_import(struct host*, u32);\n`;
  assert.throws(() => glueHeader(oneMore, code), /imports zz, which PID 1 does not know/);
  assert.throws(() => glueHeader("", code), /this version of wabt is not known/);
});

test("another engine than the one that PID 1 was written for is refused", async () => {
  const tampered = join(folder, "tampered.wasm");
  const bytes = readFileSync(wasm);
  bytes[bytes.length - 1] = (bytes[bytes.length - 1] ?? 0) ^ 1;
  writeFileSync(tampered, bytes);
  await assert.rejects(buildInit({ top: folder, wasm: tampered }), {
    message: new RegExp(
      `^${tampered} is not the engine that PID 1 was written for \\(sha256 [0-9a-f]{64}, expected [0-9a-f]{64}\\): run npm ci`,
    ),
  });
});

test("missing tools are named by their packages", async () => {
  const path = process.env.PATH;
  process.env.PATH = folder;
  try {
    await assert.rejects(buildInit({ top: folder }), {
      message: /^PID 1 cannot be built: install these Debian packages: wabt \(.*\), gcc, libc6-dev/,
    });
  } finally {
    process.env.PATH = path;
  }
});

test("the C header lists every op, sorted for look-ups by halving", () => {
  const listed = [...(/#define FIRSTLIGHT_OPS\(OP\) (.*)/.exec(abiHeader())?.[1] ?? "").matchAll(/OP\((\w+)\)/g)].map(
    ([, name]) => name,
  );
  assert.deepEqual(
    listed,
    Object.keys(ops).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
  );
  assert.match(abiHeader(), /^#define DRIVER_INDEX_MAGIC 1480870982u$/m);
  assert.match(abiHeader(), /^#define BUNDLE_PATH "\/usr\/lib\/firstlight\/bundle.js"$/m);
});
