import { createHash } from "node:crypto";
import { nearest } from "../abi/index.js";
import { BuildError } from "../generator/problems.js";
import { resolveIn } from "../generator/resolve-links.js";
import { type Member, typeOf } from "./cpio-reader.js";
import { readImage, type Segment } from "./read-image.js";

export interface ListedMember extends Member {
  /** Where it comes in the image, from 0. */
  index: number;
  /** Index of its segment. */
  segment: number;
  /** SHA-256 of its content, in base64. Where digests were asked for, and it has content. */
  digest?: string;
}

/** All of an image but the contents of its files. */
export interface Contents {
  segments: readonly (Segment & { early: boolean })[];
  members: readonly ListedMember[];
  /** What the generator wrote down of its work: by path. */
  records: ReadonlyMap<string, string>;
}

/** Files that tell of an image: ours, and dracut's. */
const recordPattern =
  /^usr\/lib\/firstlight\/(modules|version|options\.json)$|^(usr\/)?lib\/dracut\/(modules\.txt|build-parameter\.txt|dracut-[^/]+)$/;
const largestRecord = 1 << 16;

/** Text as a byte string. */
export const toBytes = (text: string) => Buffer.from(text).toString("latin1");

/** A member's path: no slash before or after it, no "." in it; "" is the root. */
export function pathOf({ name }: Pick<Member, "name">): string {
  return name
    .split("/")
    .filter((part) => part && part !== ".")
    .join("/");
}

/** Releases of the kernels that there are drivers of among files with these paths. */
export function driverReleases(paths: Iterable<string>): string[] {
  const releases = new Set<string>();
  for (const path of paths) {
    const release = /^(?:usr\/)?lib\/modules\/([^/]+)\/./.exec(path)?.[1];
    if (release !== undefined) releases.add(release);
  }
  return [...releases];
}

/** Reads an image once. Throws BuildError. */
export async function readContents(path: string, options: { digests?: boolean } = {}): Promise<Contents> {
  const segments: (Segment & { early: boolean })[] = [];
  const members: ListedMember[] = [];
  const records = new Map<string, Buffer[]>();
  let hash = createHash("sha256");
  let record: Buffer[] | undefined;
  const finish = () => {
    const last = members.at(-1);
    if (!options.digests || !last || last.digest !== undefined || last.size === 0 || last.target !== undefined) return;
    last.digest = hash.digest("base64");
    hash = createHash("sha256");
  };
  for await (const event of readImage(path)) {
    if (event.kind === "data") {
      if (options.digests) hash.update(event.chunk);
      record?.push(Buffer.from(event.chunk));
      continue;
    }
    finish();
    if (event.kind === "segment") segments.push({ ...event.segment, early: false });
    else {
      const { member } = event;
      members.push({ ...member, index: members.length, segment: segments.length - 1 });
      record = recordPattern.test(pathOf(member)) && member.size <= largestRecord ? [] : undefined;
      if (record) records.set(pathOf(member), record);
    }
  }
  finish();
  markEarly(segments, members);
  const texts = [...records].map(([name, parts]): [string, string] => [name, Buffer.concat(parts).toString()]);
  return { segments, members, records: new Map(texts) };
}

/** The kernel looks for microcode and ACPI tables, below kernel/, in uncompressed archives that come first. dracut marks its own. */
function markEarly(segments: Contents["segments"][number][], members: readonly ListedMember[]): void {
  for (const member of members) {
    const segment = segments[member.segment];
    if (segment?.compression === "none" && /^(early_cpio$|kernel\/)/.test(pathOf(member))) segment.early = true;
  }
  const first = segments.findIndex(({ early }) => !early);
  if (first >= 0) for (const segment of segments.slice(first)) segment.early = false;
}

/** By path; what comes later in the image stands for what came before. */
export function tableOf(members: readonly ListedMember[]): Map<string, ListedMember> {
  return new Map(members.map((member) => [pathOf(member), member]));
}

/** The regular file at a path of an image (a byte string), links followed; of hard links, the one with the content. Throws BuildError. */
export function findFile(image: string, { members }: Contents, path: string): ListedMember {
  const table = tableOf(members);
  const place = resolveIn((at) => table.get(at)?.target, path);
  const found = table.get(place ?? "");
  const shown = Buffer.from(path, "latin1").toString();
  if (!found) {
    const close = nearest(pathOf({ name: path }), table.keys());
    throw new BuildError(
      `${image} has no file ${shown}${close === undefined ? ": lsinitrd without file names shows all" : `: did you mean ${Buffer.from(close, "latin1")}?`}`,
    );
  }
  if (typeOf(found) !== 0o100000)
    throw new BuildError(`${shown} of ${image} is no regular file: only those have a content`);
  if (found.size || found.links < 2) return found;
  return (
    members.find(
      ({ inode, device, segment, size }) =>
        size && inode === found.inode && device === found.device && segment === found.segment,
    ) ?? found
  );
}

/** The content of the member with an index. */
export async function* contentOf(path: string, index: number): AsyncGenerator<Buffer> {
  let at = -1;
  for await (const event of readImage(path)) {
    if (event.kind === "member" && ++at > index) return;
    if (event.kind === "data" && at === index) yield event.chunk;
  }
}
