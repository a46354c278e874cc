import type { Option } from "../schema/option.js";
import { groups, nearestOption, options } from "../schema/options.js";
import { BuildError } from "./problems.js";
import { project } from "./project.js";

const all: readonly Option[] = options;
const sections = Object.entries<readonly Option[]>(groups);

/** "-f, --force", "-k, --kmoddir DIR" */
function names({ short, long, value }: Option): string {
  return `${short ? `-${short}, ` : ""}--${long}${value === undefined ? "" : ` ${value}`}`;
}

/** The text of -h: what is used most with its text, and the names of all that works. One screen of 80 columns and 24 lines, the last of which is the prompt's. */
export function helpText(): string {
  const common = all.filter((option) => option.common);
  return [
    "usage: mkinitrd [OPTIONS] [IMAGE [KVER]]  (left out: /boot/initramfs-KVER.img)",
    ...common.map((option) => `  ${names(option).padEnd(26)} ${option.text}`),
    "All options; --help OPTION tells of one, the manual page mkinitrd(8) of all:",
    ...sections.flatMap(([title, members]) =>
      wrap(`${title}: `, members.filter(({ refused }) => refused === undefined).map(shortest)),
    ),
    "",
  ].join("\n");
}

const shortest = ({ short, long }: Option) => `${short ? `-${short} ` : ""}--${long}`;

/** Lines of at most 80 columns, those after the first indented by two. */
function wrap(title: string, words: readonly string[]): string[] {
  const lines = [title];
  for (const [index, word] of words.entries()) {
    const piece = index < words.length - 1 ? `${word}, ` : word;
    if ((lines.at(-1)?.length ?? 0) + piece.trimEnd().length > 80) lines.push(" ".repeat(2));
    lines.push(`${lines.pop()}${piece}`);
  }
  return lines.map((line) => line.trimEnd());
}

const withoutDashes = (name: string) => name.replace(/^--?/, "");

/** The option of a name, long or short, with or without dashes. */
export function optionNamed(name: string): Option | undefined {
  const bare = withoutDashes(name);
  return all.find(({ long, short }) => long === bare || short === bare);
}

/** All that there is to know of one option, by its name with or without dashes. Throws BuildError: there is none. */
export function optionHelp(name: string): string {
  const option = optionNamed(name);
  if (!option) {
    const close = nearestOption(withoutDashes(name));
    throw new BuildError(`there is no option ${name}${close ? `: did you mean ${close}?` : ""}`);
  }
  const more = sentences(option).map((line) => `  ${line}\n`);
  return `${names(option)}\n  ${option.text}\n${more.join("")}`;
}

/** What follows the one line of help. */
function sentences({ more, refused, choices, list, key, sets }: Option): string[] {
  if (refused !== undefined) return [`An error: ${refused}.`];
  return [
    ...(more === undefined ? [] : [more]),
    ...(choices && more === undefined ? [`One of: ${choices.join(", ")}.`] : []),
    ...(list ? ["The words of the list are separated by blanks, or the option is repeated."] : []),
    ...(key === undefined ? [] : [`Configuration: ${key}${sets === undefined ? "" : `="${sets}"`}.`]),
  ];
}

const usage = String.raw`.TH MKINITRD 8 "" "firstlight VERSION" "System Administration"
.SH NAME
mkinitrd \- build an initramfs image, with dracut's options
.SH SYNOPSIS
.B mkinitrd
.RI [ OPTIONS ]
.RI [ IMAGE
.RI [ KVER ]]
.SH DESCRIPTION
Writes
.IR IMAGE ,
left out: /boot/initramfs\-KVER.img, for the kernel release
.IR KVER ,
left out: the running one. The image is written beside its target and takes its place whole; whatever fails, an old one stays as it was.
.PP
Short options can be joined. Of options that exclude each other, the last one counts.
.SH OPTIONS
`;

const rest = String.raw`.SH CONFIGURATION
Of the configuration, the environment and the command line, the later one counts more; to lists, it adds.
.TP
.I /etc/firstlight/dracut.conf
read first
.TP
.IR /etc/firstlight/dracut.conf.d ", " /usr/lib/firstlight/dracut.conf.d
then *.conf of these, in the version order of their names; of two with the same name, the one in /etc counts
.PP
Lines are
.BR key=\(dqvalue\(dq
or
.BR "key+=\(dq value \(dq" .
They are parsed and never executed. The keys are named above;
.B emergency_password_hash
is that of the rescue shell's password.
.SH FILES
.TP
.I /etc/firstlight/modules.d
modules of this machine
.TP
.I /etc/firstlight/lvm\-raid.conf
arrays and volume groups of a root on LVM on RAID:
.B array UUID=UUID [/dev/mdNAME] [optional]
and
.B group NAME [optional]
in lines, a group behind what has to be there before it
.SH ENVIRONMENT
.TP
.B DRACUT_KEY
as the key of the configuration, in capitals:
.B DRACUT_HOSTONLY=no
.TP
.B SOURCE_DATE_EPOCH
seconds since 1970; no file in the image is younger
.SH EXIT STATUS
0: done. 1: the image was not built. 128 + N: ended by signal N.
`;

/** The manual page mkinitrd(8), for groff's man macros. */
export function manualPage(): string {
  const entries = sections.map(([title, members]) => `.SS ${title}\n${members.map(manualEntry).join("")}`);
  return usage.replace("VERSION", project.version) + entries.join("") + rest;
}

function manualEntry(option: Option): string {
  const { short, long, value, text } = option;
  const bold = [...(short ? [`-${short}`] : []), `--${long}`].map((name) => `\\fB${roff(name)}\\fR`).join(", ");
  const argument = value === undefined ? "" : ` \\fI${roff(value)}\\fR`;
  const body = [text, ...sentences(option)].map(roff);
  return `.TP\n${bold}${argument}\n${body[0]}${body.length > 1 ? `\n.br\n${body.slice(1).join("\n.br\n")}` : ""}\n`;
}

/** Text as groff takes it: no line of ours begins with a control character. */
function roff(text: string): string {
  return text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll('"', "\\(dq")
    .replaceAll("…", "...")
    .replace(/^([.'])/, "\\&$1");
}
