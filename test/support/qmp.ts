import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";

/** QEMU's control line (docs/interop/qmp-spec.txt in its sources). */
export interface QemuControl {
  /** Rejects with QEMU's own words. */
  execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<void>;
  close(): void;
}

interface Message {
  QMP?: unknown;
  return?: unknown;
  error?: { desc: string };
}

/** Arguments that make QEMU listen at `socket`. */
export const controlArguments = (socket: string): string[] => ["-qmp", `unix:${socket},server=on,wait=off`];

/** Connects to a QEMU that listens already. */
export async function controlQemu(socket: string): Promise<QemuControl> {
  const connection = connect(socket);
  await once(connection, "connect");
  const waiting: ((message: Message) => void)[] = [];
  createInterface({ input: connection }).on("line", (line) => {
    const message = JSON.parse(line) as Message;
    // Events have neither.
    if (message.error || "return" in message) waiting.shift()?.(message);
  });

  async function execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<void> {
    const answer = new Promise<Message>((resolve) => waiting.push(resolve));
    connection.write(JSON.stringify({ execute: command, arguments: args }));
    const { error } = await answer;
    if (error) throw new Error(`QEMU's ${command}: ${error.desc}`);
  }

  await execute("qmp_capabilities");
  return { execute, close: () => connection.destroy() };
}
