import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** A module that needs no file and no program: a root on a disk, by the drivers that lie in /usr/lib/modules. */
const files = {
  "module-setup.ts": `
    import { moduleSetup } from "firstlight/hooks";
    export default moduleSetup({ depends: () => ["base"], root: [{ form: "disk:DEVICE", matches: "^disk:" }] });`,
  "cmdline.ts": `
    import { hook } from "firstlight/hooks";
    export default hook({ run: ({ root }) => root.claim() });`,
  "pre-trigger.ts": `
    import { hook } from "firstlight/hooks";
    export default hook({
      async run({ files, job, log }) {
        const folder = "/usr/lib/modules";
        const names = files.list(folder).map(({ name }) => name);
        const { results } = await job("insert", {
          drivers: names.map((name) => ({ name, path: \`\${folder}/\${name}\`, parameters: "" })),
        });
        log.info("inserted: " + results.map(({ name, inserted }) => \`\${name} \${inserted}\`).join(", "));
      },
    });`,
  "mount.ts": `
    import { hook } from "firstlight/hooks";
    export default hook({
      async run({ root, mounts }) {
        await mounts.mountDevice((root.spec ?? "").slice(5), { target: root.mountPoint, options: "ro", for: "root" });
      },
    });`,
};

/** Writes the module "plain-disk" into a folder of modules. */
export async function writePlainDisk(folder: string): Promise<void> {
  const module = join(folder, "95plain-disk");
  await mkdir(module, { recursive: true });
  for (const [name, text] of Object.entries(files)) await writeFile(join(module, name), text);
}
