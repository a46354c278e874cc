import { moduleSetup, phases } from "firstlight/hooks";

/** Mount points of the initramfs. */
const directories = ["proc", "sys", "dev", "run", "sysroot", "etc/cmdline.d", "var"];

const release = `NAME=firstlight
ID=firstlight
PRETTY_NAME="firstlight (initramfs)"
`;

/** Seconds, more than 30 years; in milliseconds still a time that PID 1 can wait until. */
const longestWait = 999_999_999;

/** Words of a list with commas; "1" is what a bare parameter means. */
const listOf = (words: readonly string[]) => {
  const word = `(?:${words.join("|")})`;
  return { type: "string", pattern: `^(?:1|${word}(?:,${word})*)$` } as const;
};

/** dracut's pre-udev is our pre-trigger; without a value: before the switch. */
const breakpoints = [...phases, "pre-udev", "emergency"];

/** For the rescue shell: on with the boot behind what has stopped it. The shell leads the session, and ends by the signal that the sequencer knows. */
const continueBoot = `#!/bin/sh
read -r pid name state parent group session rest </proc/self/stat
kill -USR1 "$session"
`;

export default moduleSetup({
  /** What the sequencer itself reads, and the kernel's own that it passes on. */
  parameters: {
    root: { schema: { type: "string", pattern: "." }, form: "DEVICE" },
    rootfstype: { schema: { type: "string" }, form: "TYPE[,TYPE…]" },
    rootflags: { schema: { type: "string" }, form: "OPTION[,OPTION…]" },
    init: { schema: { type: "string", pattern: "^/" }, form: "/PATH" },
    panic: { schema: { type: "integer" }, form: "SECONDS" },
    "rd.retry": { schema: { type: "integer", minimum: 1, maximum: longestWait }, form: "SECONDS" },
    "rd.timeout": { schema: { type: "integer", minimum: 0, maximum: longestWait }, form: "SECONDS" },
    "rd.shell": { schema: { type: "boolean" }, form: "0|1" },
    "rd.emergency": { schema: { type: "string", enum: ["reboot", "poweroff", "halt"] }, form: "reboot|poweroff|halt" },
    "rd.break": {
      schema: listOf(breakpoints),
      form: breakpoints.join("|"),
      repeated: true,
    },
    "rd.log": {
      schema: listOf(["console", "kmsg", "file", "all", "/dev/[^,]+"]),
      form: "console|kmsg|file|all|/dev/TTY",
      repeated: true,
    },
    "rd.trace": {
      schema: { type: "string", pattern: "^(0|no|off|false|1|yes|on|true|console)$" },
      form: "0|1|console",
    },
    "rd.debug": { schema: { type: "boolean" }, form: "0|1" },
    "rd.info": { schema: { type: "boolean" }, form: "0|1" },
    "rd.driver.pre": { schema: { type: "string" }, form: "DRIVER[,DRIVER…]", repeated: true },
    "rd.driver.post": { schema: { type: "string" }, form: "DRIVER[,DRIVER…]", repeated: true },
    "rd.driver.blacklist": { schema: { type: "string" }, form: "DRIVER[,DRIVER…]", repeated: true },
  },
  install(image, { staticInit }) {
    // The boot code makes what it cannot do without, and the kernel's own initramfs has a console.
    if (staticInit) return;
    for (const directory of directories) image.directory(`/${directory}`);
    image.directory("/tmp", 0o1777);
    image.directory("/root", 0o700);
    // Before devtmpfs is mounted: the kernel opens it for PID 1.
    image.node("/dev/console", "char", 5, 1, 0o600);
    // systemd knows by this file that it runs in an initrd.
    image.text("/etc/initrd-release", release);
    image.symlink("/etc/os-release", "initrd-release");
    image.text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    image.text("/etc/group", "root:x:0:\n");
    image.text("/usr/bin/continue-boot", continueBoot, 0o755);
  },
});
