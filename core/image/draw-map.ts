import { basename, extname } from "node:path";
import { writeText } from "../generator/output.js";
import { BuildError } from "../generator/problems.js";
import type { Contents } from "./contents.js";
import { readBringers } from "./modules.js";
import { treemapHtml, treemapSvg, weigh } from "./treemap.js";

const writers: Record<string, typeof treemapSvg> = { ".svg": treemapSvg, ".html": treemapHtml };

/** Writes a picture of what takes the space; an older file of that name stays until it is complete. Throws BuildError. */
export async function drawMap(image: string, contents: Contents, path: string): Promise<void> {
  const draw = writers[extname(path)];
  if (!draw) throw new BuildError(`${path}: a map is written as FILE.svg or FILE.html`);
  await writeText(path, draw(basename(image), weigh(contents, readBringers(contents))));
}
