import { statSync } from "node:fs";
import { basename, extname } from "node:path";
import { writeText } from "../generator/output.js";
import { BuildError } from "../generator/problems.js";
import { type Contents, toBytes } from "./contents.js";
import { printable, sizeWords } from "./listing.js";
import { mapHtml, mapSvg } from "./map-picture.js";
import { readBringers } from "./modules.js";
import { sizeOf, weigh } from "./treemap.js";

const writers: Record<string, typeof mapSvg> = { ".svg": mapSvg, ".html": mapHtml };

/** Writes a picture of what takes the space; an older file of that name stays until it is complete. Throws BuildError. */
export async function drawMap(image: string, contents: Contents, path: string): Promise<void> {
  const draw = writers[extname(path)];
  if (!draw) throw new BuildError(`${path}: a map is written as FILE.svg or FILE.html`);
  const groups = weigh(contents, readBringers(contents));
  const sizes = `${sizeWords(statSync(image).size)}, unpacked ${sizeWords(sizeOf(groups))}`;
  await writeText(path, draw(`${printable(toBytes(basename(image)))}: ${sizes}`, groups));
}
