import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, readFileSync, statSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { BuildError, reasonOf } from "../generator/problems.js";
import { makePassingFolder } from "./passing-folder.js";
import { quoted } from "./qemu.js";

/** A folder of this host that a guest finds by its tag. */
export interface SharedFolder {
  /** At most 36 bytes, without "/". */
  tag: string;
  folder: string;
}

/** One virtiofsd. It ends with the guest's QEMU, or with this process. */
export interface FolderServer extends SharedFolder {
  socket: string;
  child: ChildProcess;
}

/** What shares folders with one guest. */
export interface FolderServers {
  servers: readonly FolderServer[];
  /** Ends them all, those that have ended included, and removes their sockets. */
  stop(): Promise<void>;
}

/** Milliseconds in which virtiofsd begins to listen, even on a busy machine. */
const longestStart = 10_000;
const pause = 10;

/** Debian 13 has the one in Rust, of a package of its own; Debian 12 the one in C, of qemu-system-common; others have theirs elsewhere. */
const places = ["/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd", "/usr/lib/virtiofsd"];

/** The virtio device's field for a tag (virtio specification, 5.11.4). */
const longestTag = 36;

/**
 * Starts one virtiofsd for each folder, and waits until all listen. As another user than root, the guest's root is that user. Throws BuildError:
 * none is installed, or one does not start; then none is left.
 */
export async function serveFolders(shared: readonly SharedFolder[]): Promise<FolderServers> {
  checkFolders(shared);
  const program = findVirtiofsd();
  // Where the one in C, as root, has its locks, named after the sockets.
  const sockets = makePassingFolder("virtiofsd", (path) => join("/run/virtiofsd", path.replaceAll("/", ".")));
  const servers = shared.map((each, index) => start(program, each, join(sockets.path, String(index))));
  async function stop(): Promise<void> {
    await Promise.all(servers.map(end));
    await sockets.remove();
  }
  try {
    await Promise.all(servers.map(listening));
  } catch (error) {
    await stop();
    throw error;
  }
  return { servers, stop };
}

/** QEMU's arguments for a guest with these folders. `memory`: as after -m, "512M"; virtiofsd shares it with the guest. */
export function sharedFolderArguments(servers: readonly FolderServer[], memory: string): string[] {
  return [
    ...["-object", `memory-backend-memfd,id=shared-memory,size=${memory},share=on`],
    ...["-machine", "memory-backend=shared-memory"],
    ...servers.flatMap(({ tag, socket }, index) => [
      ...["-chardev", `socket,id=folder${index},path=${quoted(socket)}`],
      ...["-device", `vhost-user-fs-pci,chardev=folder${index},tag=${quoted(tag)}`],
    ]),
  ];
}

/** Throws BuildError: that cannot be shared. */
export function checkFolders(shared: readonly SharedFolder[]): void {
  const tags = new Set<string>();
  for (const { tag, folder } of shared) {
    if (!tag || tag.includes("/") || tag === "." || tag === ".." || Buffer.byteLength(tag) > longestTag)
      throw new BuildError(
        `"${tag}" is no tag for virtiofs: 1 to ${longestTag} bytes without "/", and not "." or ".."`,
      );
    if (tags.has(tag)) throw new BuildError(`two folders have the tag ${tag}: give each its own`);
    tags.add(tag);
    const why = whyNoFolder(folder);
    if (why !== undefined) throw new BuildError(`${folder} cannot be shared with a guest: ${why}`);
  }
}

function whyNoFolder(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? undefined : "it is not a directory";
  } catch (error) {
    return reasonOf(error);
  }
}

/** Which program it is, and whether it takes the options of the one in Rust. */
function findVirtiofsd(): { path: string; rust: boolean } {
  const inPath = (process.env.PATH ?? "").split(":").map((folder) => join(folder, "virtiofsd"));
  const path = [...inPath, ...places].find(isExecutable);
  if (path === undefined)
    throw new BuildError(
      `virtiofsd is not installed: install Debian's package virtiofsd, which up to Debian 12 is part of qemu-system-common (looked for in PATH, and: ${places.join(", ")})`,
    );
  // Both know --help; in Debian 13 both names lead to the one in Rust.
  const { stdout, error } = spawnSync(path, ["--help"], { encoding: "utf8" });
  if (error) throw new BuildError(`${path} cannot be run: ${reasonOf(error)}`);
  return { path, rust: stdout.includes("--shared-dir") };
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** Sandboxed by chroot(2), as this needs no namespaces, which containers do not give. As many files as Node has: it has raised its own limit. */
function virtiofsdArguments(rust: boolean, folder: string): string[] {
  const own = rust
    ? [`--shared-dir=${folder}`, "--sandbox=chroot", "--xattr"]
    : ["-o", `source=${folder.replaceAll(/[\\,]/g, "\\$&")}`, "-o", "sandbox=chroot", "-o", "xattr"];
  return [...own, "--rlimit-nofile=0"];
}

function start({ path, rust }: { path: string; rust: boolean }, shared: SharedFolder, socket: string): FolderServer {
  const words = [path, `--socket-path=${socket}`, ...virtiofsdArguments(rust, resolve(shared.folder))];
  // Last before the program: a process that changes its user namespace loses this setting (prctl(2)).
  const dependent = ["setpriv", "--pdeathsig", "KILL", ...words];
  const argv = process.getuid?.() === 0 ? dependent : inUserNamespace(dependent);
  const [program = "", ...rest] = argv;
  // Ctrl-C on the terminal is this process's matter.
  const child = spawn(program, rest, { detached: true, stdio: ["ignore", "ignore", "pipe"] });
  return { ...shared, socket, child };
}

/** A user namespace in which this user is root, as far as its own files go. The virtiofsd in C wants to write below /run. */
function inUserNamespace(argv: readonly string[]): string[] {
  const script = 'mount -t tmpfs tmpfs /run && exec "$@"';
  return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh", ...argv];
}

/** Waits until a server listens: a connection to try it out would be the only one that it takes. */
async function listening({ child, socket, tag, folder }: FolderServer): Promise<void> {
  let said = "";
  let over: string | undefined;
  child.stderr?.setEncoding("utf8").on("data", (piece: string) => {
    said += piece;
  });
  child.on("error", (error) => {
    over = error.message;
  });
  child.on("close", () => {
    over ??= said.trim() || "it has ended";
  });
  for (const deadline = Date.now() + longestStart; !isListening(socket); await sleep(pause)) {
    if (Date.now() > deadline) over ??= `it does not listen within ${longestStart / 1000} s`;
    if (over !== undefined) throw new BuildError(`virtiofsd cannot share ${folder} as ${tag}: ${over}`);
  }
}

/** Lines of proc(5)'s net/unix end in the path; flags 00010000: it listens. */
function isListening(socket: string): boolean {
  return readFileSync("/proc/net/unix", "utf8")
    .split("\n")
    .some((line) => line.endsWith(` ${socket}`) && line.split(" ")[3] === "00010000");
}

async function end({ child }: FolderServer): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "close");
}
