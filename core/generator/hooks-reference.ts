import { type JobName, ops, type Phase, phases, sidePhases } from "../abi/index.js";
import { type Declaration, type Exported, type Member, readExports } from "./declarations.js";

/** What modules import as firstlight/hooks. */
const entry = "hooks/index.ts";

/** Of the page, in order; a file that none of these names holds values. */
const sections: readonly { title: string; file: string }[] = [
  { title: "The install side: module-setup.ts", file: "hooks/module-setup.ts" },
  { title: "The boot side: a file for each phase", file: "hooks/boot.ts" },
  { title: "A module that is the whole system", file: "hooks/system.ts" },
  { title: "Errors", file: "hooks/errors.ts" },
];
const values = { title: "Values", file: "core/abi/values.ts" };

/** What a hook of each phase is for. */
const phaseTexts: Readonly<Record<Phase, string>> = {
  cmdline: "read the parameters; the module that will mount the root calls `root.claim()`. Nothing is waited for yet",
  "pre-trigger": "before the devices are looked at",
  initqueue: "wait for devices: `await wants.device(…)`. Ends when all is met that somebody waits for",
  "pre-mount": "what has to be done before the root is mounted: checks, decryption, a clock",
  mount: "mount the root on `root.mountPoint`",
  "pre-pivot": "the root is mounted: what is to be done in it",
  cleanup: "end what was started, and unmount what was mounted, for the boot only",
  switch: "the last hooks: all is mounted, nothing has been moved yet",
  timeout:
    "two thirds of rd.retry have passed and something is still waited for: go on with less, a degraded RAID. Runs again when devices have come after that: for what is new then",
  emergency: "the boot has failed: before the report and the shell",
  "pre-shutdown":
    "the system goes down, and the module shutdown has its devices taken apart: what it was mounted from still is, below /oldroot. One after the other, by priority",
  shutdown: "all below /oldroot is unmounted: what keeps devices in use is stopped",
  system:
    "the initramfs is the whole system, and stays: in place of all phases, see `SystemHook`; one module of an image can have it",
};

/** The reference page, in Markdown. */
export function hooksReference(): string {
  const exported = readExports(entry);
  const rest = exported.declarations.filter(({ file }) => !sections.some((section) => section.file === file));
  const parts = sections.map(({ title, file }) =>
    section(
      title,
      file,
      exported,
      exported.declarations.filter((declaration) => declaration.file === file),
    ),
  );
  return [
    "# firstlight/hooks",
    "What modules import, wherever they lie. This page is made from the comments in `hooks/` and `core/abi/` by `npm run docs`. How a module is made: [CONTRIBUTING.md](../CONTRIBUTING.md).",
    ...parts,
    section(values.title, values.file, exported, rest),
    "## Phases",
    "In order:",
    phases.map(phaseLine).join("\n"),
    "Off the path:",
    `${sidePhases.map(phaseLine).join("\n")}\n`,
  ].join("\n\n");
}

/** Names of exports, and of members of theirs, that have no description. */
export function undescribed(): string[] {
  return readExports(entry).declarations.flatMap(({ name, text, members }) => [
    ...(text.length ? [] : [name]),
    ...members.filter((member) => !member.text.length).map((member) => `${name}.${member.name}`),
  ]);
}

const phaseLine = (phase: Phase) => `- \`${phase}\`: ${phaseTexts[phase]}`;

function section(title: string, file: string, { heads }: Exported, declarations: readonly Declaration[]): string {
  const anchors = new Map<string, number>();
  const index = declarations.map(({ name }) => {
    // GitHub's rule for headings that differ in capitals only.
    const anchor = name.toLowerCase();
    const earlier = anchors.get(anchor) ?? 0;
    anchors.set(anchor, earlier + 1);
    return `[${name}](#${anchor}${earlier ? `-${earlier}` : ""})`;
  });
  return [`## ${title}`, ...(heads.get(file) ?? []), index.join(", "), ...declarations.map(describe)].join("\n\n");
}

function describe({ name, signature, text, members }: Declaration): string {
  const lines = members.map((member) => describeMember(name, member));
  return [`### ${name}`, ...text, `\`\`\`ts\n${signature}\n\`\`\``, ...(lines.length ? [lines.join("\n")] : [])].join(
    "\n\n",
  );
}

function describeMember(owner: string, { name, signature, text }: Member): string {
  const errors = owner === "JobOps" ? errnosOf(name as JobName) : [];
  return [`- \`${signature}\``, ...text, ...errors].join("\\\n  ");
}

function errnosOf(job: JobName): string[] {
  const { errnos } = ops[job];
  return errnos.length ? [`Errors: ${errnos.join(", ")}.`] : [];
}
