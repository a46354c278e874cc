// Plugin for esbuild: compiles firstlight's own JSON schemas to code, in the place of core/schema/compiled.js. Throws if one is wrong.
import { _, Ajv } from "ajv";
import standaloneCode from "ajv/dist/standalone/index.js";
import { build } from "esbuild";

const folder = "core/schema";

async function importTypeScript(file) {
  const options = { bundle: true, write: false, format: "esm", logLevel: "warning" };
  const { outputFiles } = await build({ entryPoints: [`${folder}/${file}`], ...options });
  return import(`data:text/javascript,${encodeURIComponent(outputFiles[0].text)}`);
}

async function compileSchemas() {
  const { schemas } = await importTypeScript("schemas.ts");
  const { formats } = await importTypeScript("formats.ts");
  const code = { source: true, esm: true, formats: _`require("./formats.ts").formats` };
  const ajv = new Ajv({
    allErrors: true,
    verbose: true,
    discriminator: true,
    allowUnionTypes: true,
    formats,
    schemas,
    code,
  });
  const names = Object.keys(schemas);
  return `${standaloneCode.default(ajv, Object.fromEntries(names.map((name) => [name, name])))}
    export const compiled = { ${names.join(", ")} };`;
}

export const compiledSchemas = {
  name: "compiled-schemas",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^\.\/compiled\.js$/ }, ({ path, resolveDir }) =>
      resolveDir.endsWith(folder) ? { path, namespace: "schemas", pluginData: resolveDir } : undefined,
    );
    onLoad({ filter: /./, namespace: "schemas" }, async ({ pluginData }) => ({
      contents: await compileSchemas(),
      resolveDir: pluginData,
    }));
  },
};
