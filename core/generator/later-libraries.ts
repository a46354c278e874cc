import type { ElfFile } from "./elf.js";

/** A library that a program opens while it runs: the first of `sonames` that is there. */
export interface LaterLibrary {
  sonames: readonly string[];
  /** false: the program does without. */
  required: boolean;
  /** By whose search it is found: the object's that wants it, or glibc's. */
  opener: "object" | "libc";
}

/** Services of a database of nsswitch.conf(5), "passwd" -> "files", "systemd". */
export type NameServices = (database: string) => readonly string[];

/** Functions for which glibc opens libgcc_s.so.1 by itself, to unwind the stack (sysdeps/nptl/unwind-link.c): some end the program where it is missing. */
const unwinders = ["pthread_cancel", "pthread_exit", "thrd_exit", "backtrace"];

/** Functions for which glibc opens the libraries of nsswitch.conf's services, by database. */
const nameFunctions: Record<string, readonly string[]> = {
  passwd: ["getpwnam", "getpwnam_r", "getpwuid", "getpwuid_r", "getpwent", "getpwent_r"],
  group: ["getgrnam", "getgrnam_r", "getgrgid", "getgrgid_r", "getgrent", "getgrent_r", "getgrouplist", "initgroups"],
  initgroups: ["getgrouplist", "initgroups"],
  shadow: ["getspnam", "getspnam_r", "getspent", "getspent_r"],
  hosts: ["getaddrinfo", "getnameinfo", "gethostbyname", "gethostbyname_r", "gethostbyname2", "gethostbyaddr"],
  services: ["getaddrinfo", "getnameinfo", "getservbyname", "getservbyname_r", "getservbyport", "getservbyport_r"],
  protocols: ["getprotobyname", "getprotobyname_r", "getprotobynumber", "getprotobynumber_r"],
  netgroup: ["innetgr", "setnetgrent"],
};

/** Services that are part of glibc's libc.so.6 from this version on. */
const builtInServices = { version: "GLIBC_2.34", names: ["files", "dns"] };

/** What an object of a program may open; `libc`: the program's glibc, if it has one. */
export function laterLibraries(elf: ElfFile, libc: ElfFile | undefined, services: NameServices): LaterLibrary[] {
  const noted = dlopenNotes(elf);
  if (!libc || elf === libc) return noted;
  const builtIn = libc.mentions(builtInServices.version) ? builtInServices.names : [];
  const wanted = Object.entries(nameFunctions).flatMap(([database, names]) => {
    const others = services(database).filter((service) => !builtIn.includes(service));
    return others.length && names.some(elf.mentions) ? others : [];
  });
  const ofNames = [...new Set(wanted)].map(
    (service): LaterLibrary => ({ sonames: [`libnss_${service}.so.2`], required: false, opener: "libc" }),
  );
  const unwinder: LaterLibrary = { sonames: ["libgcc_s.so.1"], required: false, opener: "libc" };
  return [...noted, ...(unwinders.some(elf.mentions) ? [unwinder] : []), ...ofNames];
}

/** The notes of systemd's ELF_DLOPEN_METADATA.md: owner, type, and a JSON array with priorities and sonames. */
const dlopenNote = { owner: "FDO", type: 0x407c0c0a };

/**
 * Libraries that an object says it opens: those that it requires and those that it recommends, which is what a note means that says nothing.
 * What is only suggested is left out, as in dracut. A note that cannot be understood says nothing.
 */
function dlopenNotes(elf: ElfFile): LaterLibrary[] {
  return elf.notes(dlopenNote.owner, dlopenNote.type).flatMap((descriptor) =>
    entriesOf(descriptor.toString("utf8").replace(/\0+$/, "")).flatMap((entry): LaterLibrary[] => {
      const { soname, priority = "recommended" } = Object(entry) as { soname?: unknown; priority?: unknown };
      const sonames = Array.isArray(soname) ? soname.filter((name) => typeof name === "string") : [];
      if (!sonames.length || (priority !== "required" && priority !== "recommended")) return [];
      return [{ sonames, required: priority === "required", opener: "object" }];
    }),
  );
}

function entriesOf(json: string): unknown[] {
  try {
    const entries: unknown = JSON.parse(json);
    return Array.isArray(entries) ? entries : [];
  } catch {
    return [];
  }
}

/**
 * The services that glibc would use in an image: those of the image's own nsswitch.conf, or its defaults (nss/nss_database.c). The
 * actions, "[NOTFOUND=return]", choose no service.
 */
export function parseNameServices(text: string | undefined): NameServices {
  const databases = new Map<string, string[]>();
  for (const line of (text ?? "").replaceAll(/#.*/g, "").split("\n")) {
    const [, database, words] = /^\s*(\w+):(.*)/.exec(line) ?? [];
    if (database)
      databases.set(
        database,
        (words ?? "")
          .replaceAll(/\[[^\]]*\]/g, " ")
          .split(/\s+/)
          .filter(Boolean),
      );
  }
  return (database) =>
    databases.get(database) ?? (database === "initgroups" ? [] : database === "hosts" ? ["dns", "files"] : ["files"]);
}
