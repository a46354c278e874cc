import { readIfThere } from "./files.js";
import { attribute, ifReadable, type SysfsDevice } from "./sysfs-device.js";

export interface ScsiIdentity {
  /** What goes before the serial number in by-id. */
  bus?: "ata" | "scsi";
  /** udev's ID_SERIAL, before unusual characters are replaced. */
  serial?: string;
  /** World wide name, hexadecimal digits. */
  wwn?: string;
}

/** A descriptor of the page "device identification" (SPC-3, 7.6.3). */
interface Designator {
  ascii: boolean;
  /** 0 vendor's own, 1 T10 vendor, 2 EUI-64, 3 NAA. */
  type: number;
  bytes: number[];
}

const vendorLength = 8;
const modelLength = 16;
/** In the T10 designator of an ATA disk (SAT-3, 10.3.4.3). */
const ataModelLength = 40;

/** systemd's scsi_id takes the first of these that a device has (src/udev/scsi_id/scsi_serial.c); of each, binary before ASCII. */
const preferences: { type: number; naa?: number }[] = [
  { type: 3, naa: 6 },
  { type: 3, naa: 5 },
  { type: 3 },
  { type: 2 },
  { type: 1 },
  { type: 0 },
];

/** By what the kernel has read of a device: pages 0x83 and 0x80 of its vital product data (VPD), and its standard answer. */
export function identifyScsi(device: SysfsDevice): ScsiIdentity {
  const page = readBytes(`${device.path}/vpd_pg83`);
  const designators = page ? parseDesignators(page) : [];
  const naa = designators.find(({ type, ascii }) => type === 3 && !ascii);
  const wwn = naa ? { wwn: hex(naa.bytes).slice(0, 32) } : {};
  if (attribute(device, "vendor") === "ATA") return { bus: "ata", ...ataSerial(designators), ...wwn };
  const serial = (page && (oldPage(page) ?? serialOf(designators, device))) ?? unitSerial(device);
  return { bus: "scsi", ...(serial ? { serial } : {}), ...wwn };
}

/** "MODEL_SERIAL": libata tells both in the designator of T10. */
function ataSerial(designators: readonly Designator[]): { serial?: string } {
  const text = designators.filter(({ type, ascii }) => type === 1 && ascii).map(({ bytes }) => textOf(bytes))[0];
  if (!text?.startsWith("ATA ")) return {};
  const serialAt = vendorLength + ataModelLength;
  const model = text.slice(vendorLength, serialAt).trim();
  const serial = text.slice(serialAt).trim();
  return model && serial ? { serial: `${blanks(model)}_${blanks(serial)}` } : {};
}

function serialOf(designators: readonly Designator[], device: SysfsDevice): string | undefined {
  for (const { type, naa } of preferences)
    for (const ascii of [false, true])
      for (const found of designators) {
        if (found.type !== type || found.ascii !== ascii) continue;
        if (naa !== undefined && (found.bytes[0] ?? 0) >> 4 !== naa) continue;
        return `${type}${type === 0 ? vendorAndModel(device) : ""}${ascii ? textOf(found.bytes) : hex(found.bytes)}`;
      }
  return undefined;
}

/** Some devices answer as in SCSI-2: no descriptors, the name at once. */
function oldPage(page: readonly number[]): string | undefined {
  return page[6] ? `3${hex(page.slice(4, 4 + (page[3] ?? 0)))}` : undefined;
}

/** Page 0x80. */
function unitSerial(device: SysfsDevice): string | undefined {
  const page = readBytes(`${device.path}/vpd_pg80`);
  return page && `S${vendorAndModel(device)}${textOf(page.slice(4, 4 + (page[3] ?? 0)))}`;
}

/** Those of the device itself, not of its port. */
function parseDesignators(page: readonly number[]): Designator[] {
  const found: Designator[] = [];
  const end = 4 + ((page[2] ?? 0) << 8) + (page[3] ?? 0);
  for (let at = 4; at + 4 <= end; at += 4 + (page[at + 3] ?? 0)) {
    const [codeSet = 0, kind = 0] = page.slice(at, at + 2);
    const bytes = page.slice(at + 4, at + 4 + (page[at + 3] ?? 0));
    if (!(kind & 0x30)) found.push({ ascii: (codeSet & 15) === 2, type: kind & 15, bytes });
  }
  return found;
}

function vendorAndModel(device: SysfsDevice): string {
  const padded = (name: string, length: number) => (attribute(device, name) ?? "").padEnd(length);
  return padded("vendor", vendorLength) + padded("model", modelLength);
}

const hex = (bytes: readonly number[]) => bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("");
const textOf = (bytes: readonly number[]) => String.fromCharCode(...bytes).split("\0", 1)[0] ?? "";
const blanks = (text: string) => text.replaceAll(/\s+/g, "_");

/** A binary file's bytes out of the text that an op made of them (see ByteString in core/abi); undefined if it is not there, or cannot be read. */
function readBytes(path: string): number[] | undefined {
  const text = ifReadable(() => readIfThere(path));
  return text === undefined ? undefined : [...text].flatMap(bytesOf);
}

/** An escaped byte, or a character in UTF-8. */
function bytesOf(char: string): number[] {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x80) return [code];
  if (code >= 0xdc80 && code <= 0xdcff) return [code & 0xff];
  const length = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  const rest = Array.from({ length: length - 1 }, (_, index) => 0x80 | ((code >> (6 * (length - 2 - index))) & 0x3f));
  return [((0xf00 >> length) & 0xff) | (code >> (6 * (length - 1))), ...rest];
}
