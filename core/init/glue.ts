/**
 * Names for what the engine's WebAssembly imports and exports. The package's build minifies them to letters, differently in each release: they
 * are found in the package's own JavaScript glue, and in the header that wasm2c writes. Whatever is not found exactly once fails the build.
 */

/** A function of the module as wasm2c declares it in C. */
export interface Declaration {
  /** The letter or two that WebAssembly knows it by. */
  letter: string;
  /** Its name in C. */
  symbol: string;
  /** As C types: u32, u64, f64, void. */
  returns: string;
  /** Without the instance that comes first. */
  parameters: string[];
}

interface ImportRule {
  name: string;
  /** Result and parameters in WebAssembly's letters: v none, i i32, j i64, d f64. */
  signature: string;
  /** What its JavaScript has and no other import of the same signature. */
  body: RegExp;
}

const importRules: readonly ImportRule[] = [
  { name: "HOST_ASSERT_FAIL", signature: "v:iiii", body: /Assertion failed/ },
  { name: "HOST_FD_WRITE", signature: "i:iiii", body: /\.push\(/ },
  { name: "HOST_FD_CLOSE", signature: "i:i", body: /=>52$/ },
  { name: "HOST_FD_SEEK", signature: "i:ijii", body: /return 70/ },
  { name: "HOST_ENVIRON_GET", signature: "i:ii", body: /Infinity/ },
  { name: "HOST_ENVIRON_SIZES_GET", signature: "i:ii", body: /\.length;/ },
  { name: "HOST_NORMALIZE_MODULE", signature: "i:iiii", body: /normalizeModule/ },
  { name: "HOST_LOAD_MODULE_SOURCE", signature: "i:iii", body: /loadModuleSource/ },
  { name: "HOST_INTERRUPT_HANDLER", signature: "i:i", body: /shouldInterrupt/ },
  { name: "HOST_SETITIMER", signature: "i:id", body: /clearTimeout/ },
  { name: "HOST_RESIZE_HEAP", signature: "i:i", body: /\.grow\(/ },
  { name: "HOST_KEEPALIVE_CLEAR", signature: "v:", body: /=!1;/ },
  { name: "HOST_LOCALTIME", signature: "v:ji", body: /getTimezoneOffset/ },
  { name: "HOST_TZSET", signature: "v:iiii", body: /getTimezoneOffset/ },
  { name: "HOST_DATE_NOW", signature: "d:", body: /Date\.now\(\)/ },
  { name: "HOST_CLOCK_TIME_GET", signature: "i:iji", body: /performance\.now/ },
  { name: "HOST_ABORT", signature: "v:", body: /\(""\)$/ },
  { name: "HOST_PROC_EXIT", signature: "v:i", body: /onExit/ },
  { name: "HOST_CALL_FUNCTION", signature: "i:iiiii", body: /callFunction/ },
  { name: "HOST_REF_FREE", signature: "v:ii", body: /freeHostRef/ },
];

const typeLetters: Readonly<Record<string, string>> = { void: "v", u32: "i", u64: "j", f64: "d" };

function signatureOf({ returns, parameters }: Declaration): string {
  const letter = (type: string) => typeLetters[type] ?? "?";
  return `${letter(returns)}:${parameters.map(letter).join("")}`;
}

/** The functions that wasm2c's header declares after comments of this kind. */
export function declarations(header: string, kind: "import" | "export"): Declaration[] {
  const comment = kind === "import" ? "import: 'a' '([^']+)'" : "export: '([^']+)'";
  const pattern = new RegExp(`/\\* ${comment} \\*/\\s*(void|u32|u64|f64) (\\w+)\\(([^)]*)\\);`, "g");
  return [...header.matchAll(pattern)].map(([, letter = "", returns = "", symbol = "", all = ""]) => ({
    letter,
    symbol,
    returns,
    parameters: all.split(/,\s*/).slice(1),
  }));
}

/** The end of the JavaScript value that starts at `start`: the comma or bracket after it, outside of its own brackets and strings. */
function endOfValue(code: string, start: number): number {
  let depth = 0;
  let quote = "";
  for (let at = start; at < code.length; at++) {
    const letter = code[at] ?? "";
    if (quote) {
      if (letter === "\\") at++;
      else if (letter === quote) quote = "";
    } else if (`"'\``.includes(letter)) quote = letter;
    else if ("([{".includes(letter)) depth++;
    else if (depth === 0 && ",;)]}".includes(letter)) return at;
    else if (")]}".includes(letter)) depth--;
  }
  return code.length;
}

/** The members of the object that the glue passes as the module's imports: their JavaScript by letter. */
function importBodies(code: string): Map<string, string> {
  const object = /\{a:(\w+)\}/.exec(code)?.[1];
  const found = object === undefined ? null : new RegExp(`[,;\\s]${object}=\\{`).exec(code);
  if (!found) throw new Error("the JavaScript glue of the engine has no object of imports: is it another release?");
  const bodies = new Map<string, string>();
  let at = found.index + found[0].length;
  for (;;) {
    const key = /^\s*(\w+):/.exec(code.slice(at));
    if (!key) return bodies;
    const start = at + key[0].length;
    at = endOfValue(code, start);
    const body = code.slice(start, at);
    bodies.set(key[1] ?? "", /^\w+$/.test(body) ? definition(code, body) : body);
    at++;
  }
}

/** What the glue assigns to a variable. */
function definition(code: string, name: string): string {
  const found = new RegExp(`[,;\\s]${name}=(?!=)`).exec(code);
  if (!found) return name;
  const start = found.index + found[0].length;
  return code.slice(start, endOfValue(code, start));
}

/** The C name of each import, by the name that PID 1 has for it. */
function nameImports(header: string, code: string): Map<string, string> {
  const bodies = importBodies(code);
  const symbols = new Map<string, string>();
  const imports = declarations(header, "import");
  for (const { name, signature, body } of importRules) {
    const matches = imports.filter(
      (each) => signatureOf(each) === signature && body.test(bodies.get(each.letter) ?? ""),
    );
    if (matches.length !== 1 || !matches[0])
      throw new Error(
        `the engine has ${matches.length} imports that look like ${name} (${signature}), not one: adapt core/init/glue.ts to this release`,
      );
    symbols.set(name, matches[0].symbol);
  }
  const named = new Set(symbols.values());
  if (named.size !== importRules.length)
    throw new Error("two names fit one import of the engine: adapt core/init/glue.ts");
  const unknown = imports.filter(({ symbol }) => !named.has(symbol)).map(({ letter }) => letter);
  if (unknown.length > 0)
    throw new Error(`the engine imports ${unknown.join(", ")}, which PID 1 does not know: adapt core/init/glue.ts`);
  return symbols;
}

/** Exports whose name no line of the glue assigns to the module, by how it calls them. */
const startExport = /\bcalledRun=!0;if\(!\w+\)\{\w+=!0;\w+\.(\w+)\(\)/;

/** Letters of the exports by their names: QTS_..., malloc, free, start. */
function exportLetters(code: string): Map<string, string> {
  const letters = new Map<string, string>();
  for (const [, name = "", letter = ""] of code.matchAll(/\b\w+\._(QTS_\w+|malloc|free)=\s*\w+\.([\w$]+);/g)) {
    if (letters.has(name)) throw new Error(`the JavaScript glue of the engine names ${name} twice`);
    letters.set(name, letter);
  }
  const start = startExport.exec(code)?.[1];
  if (start === undefined) throw new Error("the JavaScript glue of the engine does not call its start function");
  return letters.set("start", start);
}

/** One C function per export, with the instance filled in. */
function exportWrappers(header: string, code: string): string[] {
  const byLetter = new Map(declarations(header, "export").map((each) => [each.letter, each]));
  return [...exportLetters(code)].map(([name, letter]) => {
    const found = byLetter.get(letter);
    if (!found) throw new Error(`the engine does not export ${letter}, which its JavaScript glue calls ${name}`);
    const names = found.parameters.map((_, index) => `p${index}`);
    const parameters = found.parameters.map((type, index) => `${type} ${names[index]}`).join(", ") || "void";
    const call = `${found.symbol}(${["&engine_instance", ...names].join(", ")})`;
    const qualified = name.startsWith("QTS_") ? name : `QTS_${name}`;
    return `static inline ${found.returns} ${qualified}(${parameters}) { ${found.returns === "void" ? "" : "return "}${call}; }`;
  });
}

function onlyMatch(text: string, pattern: RegExp, what: string): string {
  const found = pattern.exec(text)?.[1];
  if (found === undefined) throw new Error(`wasm2c's header has no ${what}: this version of wabt is not known`);
  return found;
}

/**
 * wasm2c's C, with the address of the module's memory as a constant, ENGINE_MEMORY. Throws an Error: this version of wabt loads and stores in another way.
 */
export function withFixedMemory(code: string): string {
  // In Debian 12's wabt, and in later ones.
  const fixed = code.replaceAll(/&(mem|\(mem\))->data\[addr\]/g, "&((u8*)ENGINE_MEMORY)[addr]");
  if (fixed === code) throw new Error("wasm2c's C has no loads and stores: this version of wabt is not known");
  return fixed;
}

/**
 * The C header that gives the module's functions their names.
 * `header`: what wasm2c wrote beside its C (wabt 1.0.32, Debian 12, or a later one that names symbols w2c_). `code`: the package's JavaScript.
 */
export function glueHeader(header: string, code: string): string {
  const later = header.includes("wasm2c_engine_instantiate");
  const host = onlyMatch(header, /struct (\w+);\nextern wasm_rt_memory_t\*/, "type of the host");
  const memory = onlyMatch(header, /extern wasm_rt_memory_t\* (\w+)\(/, "memory import");
  const macros = [["ENGINE_HOST", host], ["HOST_MEMORY", memory], ...nameImports(header, code)];
  return `/* Generated by core/init/glue.ts. */
#ifndef FIRSTLIGHT_GLUE_H
#define FIRSTLIGHT_GLUE_H
#include "module.h"
#define ENGINE_INSTANCE ${later ? "w2c_engine" : "Z_engine_instance_t"}
${macros.map(([name, symbol]) => `#define ${name} ${symbol}`).join("\n")}
extern ENGINE_INSTANCE engine_instance;
static inline void engine_instantiate(ENGINE_INSTANCE *instance, struct ENGINE_HOST *host) {
  ${later ? "wasm2c_engine_instantiate(instance, host);" : "Z_engine_init_module();\n  Z_engine_instantiate(instance, host);"}
}
${exportWrappers(header, code).join("\n")}
#endif
`;
}
