import assert from "node:assert/strict";
import { test } from "node:test";
import { adviseOnKernel } from "../../../modules.d/98pid1/kernel-options.js";

/** The seed's minimal configuration. */
const whole = [
  "BLK_DEV_INITRD BINFMT_ELF BINFMT_SCRIPT DEVTMPFS PROC_FS SYSFS RELOCATABLE CRYPTO CRYPTO_SHA256 KEXEC_FILE",
  "PRINTK TTY SERIAL_8250 SERIAL_8250_CONSOLE",
]
  .join(" ")
  .split(" ")
  .map((name) => `CONFIG_${name}=y`)
  .concat("CONFIG_LOG_BUF_SHIFT=24")
  .join("\n");

test("a kernel that has all needs no advice", () => {
  assert.deepEqual(adviseOnKernel(`# Linux\n${whole}\n`), []);
});

test("what a kernel lacks is named by what then does not work; a driver in a file is no option that is there", () => {
  const lacking = whole
    .replace("CONFIG_BINFMT_SCRIPT=y", "CONFIG_BINFMT_SCRIPT=m")
    .replace("CONFIG_KEXEC_FILE=y", "# CONFIG_KEXEC_FILE is not set")
    .replace("CONFIG_SERIAL_8250_CONSOLE=y\n", "")
    .replace("SHIFT=24", "SHIFT=17");
  assert.deepEqual(adviseOnKernel(lacking), [
    "the system cannot run: build a kernel with CONFIG_BINFMT_SCRIPT=y",
    "/kernel cannot be started, which needs CONFIG_KEXEC_FILE=y",
    "what happens may not be seen on a console, which needs CONFIG_SERIAL_8250_CONSOLE=y",
    "the log, all of which is in the kernel's ring, has room for 128 KiB: CONFIG_LOG_BUF_SHIFT=24, or log_buf_len=16M on the kernel command line, make it 16 MiB",
  ]);
});
