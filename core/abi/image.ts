/** Where the parts of firstlight lie in an image. PID 1 (core/init) knows these paths and no others; as a static init it has the files in itself (static-init.ts). */

/** PID 1, and under the name below also the kernel's modprobe. */
export const initPath = "/init";
/** The kernel runs this for its own driver requests (CONFIG_MODPROBE_PATH); a symlink to PID 1. */
export const modprobePath = "/usr/sbin/modprobe";
/** Sequencer, hooks and parameter schemas in one script; sets `globalThis.turn`. */
export const bundlePath = "/usr/lib/firstlight/bundle.js";
/** The engine after it has evaluated the bundle; see snapshot.ts. */
export const snapshotPath = "/usr/lib/firstlight/bundle.snapshot";
/** Aliases, driver files, their order and parameters; see driver-index.ts. */
export const driverIndexPath = "/usr/lib/firstlight/drivers.idx";
/** Written in the boot, where the kernel command line says something of drivers: lines "blacklist NAME" and "options NAME TEXT" for the modprobe applet. */
export const driverSettingsPath = "/run/initramfs/modprobe.conf";
/** Where there are any: lines "DRIVER FILE…", firmware that the drivers name and that was not installed where the image was built. */
export const missingFirmwarePath = "/usr/lib/firstlight/missing-firmware";
/** The modules in the image, and what each brought, for lsinitrd; see core/generator/module-record.ts. */
export const modulesPath = "/usr/lib/firstlight/modules";
/** The options that the image was built with, a JSON array of words. */
export const recordedOptionsPath = "/usr/lib/firstlight/options.json";
/** What built it: "firstlight VERSION". */
export const recordedVersionPath = "/usr/lib/firstlight/version";
/** The rescue policy that holds until the boot code has set one: "shell=0|1 action=reboot|poweroff|halt|none delay=SECONDS". */
export const rescuePath = "/usr/lib/firstlight/rescue";
/** Why a boot has failed, for whoever looks at it from the shell. Where the boot code could not write it, PID 1 adds its reason. */
export const reportPath = "/run/initramfs/report.txt";
/** The rescue shell, started by PID 1 where the engine cannot. Where it has a password, this program asks for it. */
export const shellPath = "/usr/lib/firstlight/shell";
