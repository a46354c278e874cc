const words = ["password", "passwd", "passphrase", "secret", "token", "credential", "apikey", "api_key", "api-key"];
/** Names of what holds a secret, as far as names tell. KEY in capitals is a property of input devices. */
const secretName = `[\\w.-]*(?:${words.flatMap((word) => [word, word.toUpperCase(), word.replace(/^./, (first) => first.toUpperCase())]).join("|")}|[_.-]key|\\bkey)(?:s?[_.-]\\w+)*`;
/** A value up to where its word ends, also within JSON, where quotes are escaped. */
const value = `(?:'([^'\\n]+)'|\\\\"(.+?)\\\\"|"([^"\\n]+)"|([^\\s'"&,\\\\]+))`;

/** Where secrets stand; the groups are what is secret. */
const places = [
  // https://user:password@host
  /(?<![a-z0-9+.-])[a-z][a-z0-9+.-]*:\/\/[^\s/:@"']*:([^\s/@"']+)@/gi,
  new RegExp(`(?<![\\w.-])${secretName}=${value}`, "g"),
  new RegExp(`"${secretName}"\\s*:\\s*"((?:[^"\\\\]|\\\\.)+)"`, "g"),
  new RegExp(`"--?${secretName}"\\s*,\\s*"((?:[^"\\\\]|\\\\.)+)"`, "g"),
  new RegExp(`--${secretName} +([^\\s"']+)`, "g"),
  /"(?:-u|--user)"\s*,\s*"[^":]*:((?:[^"\\]|\\.)+)"/g,
  // crypt(5)
  /(\$(?:1|2[abxy]?|5|6|7|y|gy|sm3)\$[\w./$,=+-]+)/g,
];

/** Shorter ones are too often a part of something else: they are masked only where their name stands. */
const shortestAnywhere = 4;

/** All ways in which a secret may be written. */
function formsOf(secret: string): string[] {
  const forms = [secret];
  for (const read of [decodeURIComponent, (text: string) => String(JSON.parse(`"${text}"`))])
    try {
      forms.push(read(secret));
    } catch {
      // It is not written so.
    }
  return [...new Set(forms.flatMap((form) => [form, encodeURIComponent(form), JSON.stringify(form).slice(1, -1)]))];
}

/** A file's path names the key, and is none. */
const isSecret = (text: string) => !text.startsWith("/") && !/^masked\d+$/.test(text);

export interface Masked {
  texts: string[];
  /** How many different secrets were found. */
  count: number;
}

/**
 * Takes passwords and keys out of texts, as far as what stands beside them tells. Each is the same word wherever it stands, in all of the texts, so that
 * a recording can still be replayed.
 */
export function maskSecrets(texts: readonly string[]): Masked {
  const names = new Map<string, string>();
  const nameOf = (secret: string) => {
    const forms = formsOf(secret);
    const name = forms.map((form) => names.get(form)).find(Boolean) ?? `masked${new Set(names.values()).size + 1}`;
    for (const form of forms) names.set(form, name);
    return name;
  };
  const inPlace = (text: string) =>
    places.reduce(
      (done, place) =>
        done.replace(place, (match: string, ...groups: unknown[]) => {
          const secret = groups.slice(0, -2).find((group): group is string => typeof group === "string");
          if (secret === undefined || !isSecret(secret)) return match;
          const at = match.lastIndexOf(secret);
          return match.slice(0, at) + nameOf(secret) + match.slice(at + secret.length);
        }),
      text,
    );
  const masked = texts.map(inPlace);
  // The longest first: one may be a part of another.
  const elsewhere = [...names.keys()]
    .filter((form) => form.length >= shortestAnywhere)
    .sort((a, b) => b.length - a.length);
  const everywhere = (text: string) =>
    elsewhere.reduce((done, form) => done.replace(wordOf(form), () => names.get(form) ?? ""), text);
  return { texts: masked.map(everywhere), count: new Set(names.values()).size };
}

const wordOf = (text: string) =>
  new RegExp(`(?<![A-Za-z0-9])${text.replaceAll(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")}(?![A-Za-z0-9])`, "g");
