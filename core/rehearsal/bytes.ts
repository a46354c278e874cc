import { Failure } from "./failure.js";

/*
 * Inside the simulated machine all text is a string of bytes: one character of 0..255 for each. At the door it is what core/abi says of
 * ByteString: UTF-8, and a lone surrogate for each byte that is none.
 */

const ascii = /^[\0-\x7f]*$/;
/** A character of UTF-8, or else one byte (Unicode 16, table 3-7). */
const utf8 =
  /[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

/** A ByteString out of bytes. */
export function fromBytes(bytes: string): string {
  if (ascii.test(bytes)) return bytes;
  return bytes.replace(utf8, (match) =>
    match.length === 1
      ? String.fromCharCode(0xdc00 + match.charCodeAt(0))
      : Buffer.from(match, "latin1").toString("utf8"),
  );
}

/** The bytes of a ByteString. Throws Failure EINVAL: it holds surrogates that stand for no byte. */
export function toBytes(text: string): string {
  if (ascii.test(text)) return text;
  return text.replace(/[^\0-\x7f]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    if (code >= 0xdc80 && code <= 0xdcff) return String.fromCharCode(code - 0xdc00);
    if (code >= 0xd800 && code <= 0xdfff) throw new Failure("EINVAL", "a surrogate that stands for no byte");
    return Buffer.from(character).toString("latin1");
  });
}

/** For JSON.stringify: texts of the machine, which are bytes, as the boot code has them. */
export const textOut = (_key: string, value: unknown) => (typeof value === "string" ? fromBytes(value) : value);
