import type { PipeId, ProgramInput, ProgramOutput } from "../abi/index.js";
import { Failure } from "./failure.js";
import type { Spot } from "./file-space.js";
import { createInode, dataOf, type Inode, isFolder, type PackedArchive, setData, sizeOf } from "./file-tree.js";
import type { World } from "./world.js";

/** What passes from one program to another: bytes, or what they stand for. */
export interface Content {
  data: string;
  archive?: PackedArchive;
}

export interface Pipe extends Content {
  /** Have the read end and the write end been given to programs? */
  given: { read: boolean; write: boolean };
  readers: number;
  writers: number;
  /** Calls whoever waits for its other end. */
  changed: Set<() => void>;
}

/** Standard input of a program. */
export interface Input {
  /** What has come and was not read yet. */
  take(): Content;
  /** Nothing more will come. */
  ended(): boolean;
  /** Calls back once when more has come, or the end. */
  onChange(callback: () => void): void;
  close(): void;
  /** Bytes of the file that it is; undefined: no file. */
  size: number | undefined;
  spot?: Spot;
}

/** Standard output or error. */
export interface Output {
  /** False: nobody reads it any more. */
  write(content: Content): boolean;
  close(): void;
  /** What was kept. */
  kept?(): string;
  spot?: Spot;
}

const noInput: Input = {
  take: () => ({ data: "" }),
  ended: () => true,
  onChange: () => {},
  close: () => {},
  size: undefined,
};
const noOutput: Output = { write: () => true, close: () => {} };

const isPipe = (value: unknown): value is { pipe: PipeId } =>
  typeof value === "object" && value !== null && "pipe" in value;

/** Both ends are with programs: whoever is left alone learns of it. */
const isJoined = ({ given }: Pipe) => given.read && given.write;

export interface Pipes {
  create(): PipeId;
  /** A program has this stream: what it names is given away. */
  give(stream: ProgramInput | ProgramOutput | undefined, end: "read" | "write"): void;
  input(stream: ProgramInput): Input | undefined;
  output(stream: ProgramOutput): Output | undefined;
}

export function createPipes(): Pipes {
  const pipes = new Map<PipeId, Pipe>();
  let last = 0;
  const notify = (pipe: Pipe) => {
    const callbacks = [...pipe.changed];
    pipe.changed.clear();
    for (const callback of callbacks) callback();
  };

  /** Throws Failure EBADF. */
  function find(id: PipeId): Pipe {
    const pipe = pipes.get(id);
    if (!pipe) throw new Failure("EBADF");
    return pipe;
  }

  return {
    create() {
      pipes.set(++last, {
        data: "",
        given: { read: false, write: false },
        readers: 0,
        writers: 0,
        changed: new Set(),
      });
      return last;
    },
    give(stream, end) {
      if (!isPipe(stream)) return;
      const pipe = pipes.get(stream.pipe);
      if (!pipe) return;
      pipe.given[end] = true;
      if (!isJoined(pipe)) return;
      pipes.delete(stream.pipe);
      notify(pipe);
    },
    input(stream) {
      if (!isPipe(stream)) return undefined;
      const pipe = find(stream.pipe);
      pipe.readers++;
      return {
        take() {
          const { data, archive } = pipe;
          pipe.data = "";
          delete pipe.archive;
          return { data, ...(archive ? { archive } : {}) };
        },
        ended: () => isJoined(pipe) && pipe.writers === 0 && pipe.data === "" && !pipe.archive,
        onChange: (callback) => pipe.changed.add(callback),
        close() {
          pipe.readers--;
          notify(pipe);
        },
        size: undefined,
      };
    },
    output(stream) {
      if (!isPipe(stream)) return undefined;
      const pipe = find(stream.pipe);
      pipe.writers++;
      return {
        write({ data, archive }) {
          if (isJoined(pipe) && pipe.readers === 0) return false;
          pipe.data += data;
          if (archive) pipe.archive = archive;
          notify(pipe);
          return true;
        },
        close() {
          pipe.writers--;
          notify(pipe);
        },
      };
    },
  };
}

const fixedInput = (content: Content, size?: number): Input => {
  let rest: Content = content;
  return {
    ...noInput,
    take() {
      const taken = rest;
      rest = { data: "" };
      return taken;
    },
    size,
  };
};

/** Opens standard input. Throws Failure. */
export function openInput(world: World, pipes: Pipes, stream: ProgramInput = "null"): Input {
  const joined = pipes.input(stream);
  if (joined) return joined;
  if (stream === "null" || stream === "console" || isPipe(stream)) return noInput;
  if ("text" in stream) return fixedInput({ data: stream.text });
  if ("secret" in stream) {
    const secret = world.console.secret(stream.secret);
    if (secret === undefined) throw new Failure("EBADF");
    return fixedInput({ data: secret });
  }
  const spot = world.files.spot(stream.file);
  if (spot.mount.system.dead) throw new Failure("EIO");
  const { inode } = spot;
  const content = { data: isFolder(inode) ? "" : (inode.read?.() ?? dataOf(inode)) };
  const archive = inode.archive ? { archive: inode.archive } : {};
  return { ...fixedInput({ ...content, ...archive }, sizeOf(inode)), spot };
}

/** Opens a file for standard output, new or written anew. Throws Failure. */
function openFile(world: World, path: string): Output {
  const place = world.files.locate(path);
  const { mount } = place.folder;
  if (place.found && isFolder(place.found.inode)) throw new Failure("EISDIR");
  if (mount.system.readOnly || mount.flags.has("ro")) throw new Failure("EROFS");
  let inode: Inode | undefined = place.found?.inode;
  if (!inode) {
    inode = createInode(mount.system, "file", 0o644, world.realtime());
    place.folder.inode.children?.set(place.name, inode);
  }
  if (inode.type === "file" && !inode.write) setData(mount.system, inode, "");
  const target = inode;
  return {
    ...noOutput,
    write({ data }) {
      if (target.write) target.write(data);
      else if (target.type === "file") setData(mount.system, target, dataOf(target) + data);
      return true;
    },
    spot: { mount, inode: target },
  };
}

/** What is kept loses its middle beyond the limit. */
function keepOutput(limit: number): Output {
  let text = "";
  const first = Math.floor(limit / 2);
  const shorten = () => {
    if (text.length > limit) text = text.slice(0, first) + text.slice(text.length - (limit - first));
    return text;
  };
  return {
    ...noOutput,
    write({ data }) {
      text += data;
      if (text.length / 2 > limit) shorten();
      return true;
    },
    kept: shorten,
  };
}

/** Opens standard output or error. Throws Failure. */
export function openOutput(world: World, pipes: Pipes, stream: ProgramOutput = "null", keepLimit = 65536): Output {
  const joined = pipes.output(stream);
  if (joined) return joined;
  if (stream === "keep") return keepOutput(keepLimit);
  if (stream === "console")
    return {
      ...noOutput,
      write({ data }) {
        world.show(data);
        return true;
      },
    };
  return stream === "null" || isPipe(stream) ? noOutput : openFile(world, stream.file);
}
