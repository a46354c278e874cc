import { createHash } from "node:crypto";
import type { ParameterDeclaration, RootForm } from "../../hooks/module-setup.js";
import { parameterValidators } from "../schema/parameters.js";
import type { BootPlan } from "../sequencer/plan.js";
import { type Bundled, bundleForQuickJs } from "./esbuild.js";
import { isWholeSystem, type ModuleFolder } from "./module-folders.js";
import { project } from "./project.js";

/** What the boot code is told of its image; becomes the BootPlan of core/sequencer/plan.ts. */
export interface BundleInput {
  /** In order of their numbers. */
  modules: readonly ModuleFolder[];
  parameters: Readonly<Record<string, ParameterDeclaration>>;
  roots: readonly (RootForm & { module: string; included: boolean })[];
  /** Kernel release; null: without drivers. */
  kernel: string | null;
  hostOnly: boolean;
  /** Of a static init, which has them in place of files. */
  ownParameters?: BootPlan["ownParameters"];
  /** Path of the sequencer's `start`. Left out: that for these modules. */
  sequencer?: string;
}

/** Stands for the bundle's id while that is made; of its length, so that the source map fits. */
const idPlaceholder = "id-of-the-bundle";

/** Tells bundles apart. The plan has it, so that a recording of a boot can be told to be of this one. */
function withId(bundled: Bundled): Bundled {
  const id = createHash("sha256").update(bundled.code).digest("hex").slice(0, idPlaceholder.length);
  return { ...bundled, code: bundled.code.replace(idPlaceholder, id) };
}

/** Sequencer, hooks and parameter checks in one script for the image. Throws BuildError with file and line. */
export async function makeBundle(input: BundleInput): Promise<Bundled> {
  const validators = parameterValidators(input.parameters);
  const bundled = await bundleForQuickJs(entryModule(input, validators.names), {
    minify: true,
    // For stack traces; costs 7 % of the bundle's size.
    keepNames: true,
    plugins: [
      {
        name: "parameter-validators",
        setup: (build) => {
          build.onResolve({ filter: /^firstlight\/parameters$/ }, ({ path }) => ({ path, namespace: "made" }));
          build.onLoad({ filter: /./, namespace: "made" }, () => ({
            contents: validators.code,
            resolveDir: project.top,
          }));
        },
      },
    ],
  });
  return withId(bundled);
}

/** The module that imports all parts and starts the boot with the plan. */
function entryModule(input: BundleInput, validators: ReadonlyMap<string, string>): string {
  const { sequencer = isWholeSystem(input.modules) ? project.systemSequencer : project.sequencer } = input;
  const imports: string[] = [];
  const modules = input.modules.map(({ name, phases }) => {
    const hooks = Object.entries(phases).map(([phase, path]) => {
      const local = `hook${imports.length}`;
      imports.push(`import ${local} from ${JSON.stringify(path)};`);
      return `${JSON.stringify(phase)}: ${local}`;
    });
    return `{ name: ${JSON.stringify(name)}, hooks: { ${hooks.join(", ")} } }`;
  });
  const parameters = Object.entries(input.parameters).map(([name, { schema, form, repeated }]) => {
    const fields = { type: schema.type, form, ...(repeated ? { repeated } : {}) };
    return `${JSON.stringify(name)}: { ...${JSON.stringify(fields)}, validate: ${validators.get(name)} }`;
  });
  const build = { version: project.version, bundle: idPlaceholder, kernel: input.kernel, hostOnly: input.hostOnly };
  return [
    `import { start } from ${JSON.stringify(sequencer)};`,
    `import { ${[...new Set(validators.values())].join(", ")} } from "firstlight/parameters";`,
    ...imports,
    `start({ modules: [${modules.join(", ")}], parameters: { ${parameters.join(", ")} },`,
    `roots: ${JSON.stringify(input.roots)}, build: ${JSON.stringify(build)},`,
    `ownParameters: ${JSON.stringify(input.ownParameters)} });`,
  ].join("\n");
}
