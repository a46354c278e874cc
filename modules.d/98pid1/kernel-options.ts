/** What a kernel lacks, and what then does not work: options that have to be "y", because there is nobody who would load a driver for them. */
const wanted: readonly (readonly [options: readonly string[], without: string])[] = [
  [
    ["BLK_DEV_INITRD", "BINFMT_ELF", "BINFMT_SCRIPT", "DEVTMPFS", "PROC_FS", "SYSFS"],
    "the system cannot run: build a kernel with",
  ],
  [["RELOCATABLE", "CRYPTO", "CRYPTO_SHA256", "KEXEC_FILE"], "/kernel cannot be started, which needs"],
  [["PRINTK", "TTY", "SERIAL_8250", "SERIAL_8250_CONSOLE"], "what happens may not be seen on a console, which needs"],
];

/** Of the kernel's ring, as a power of two: 16 MiB. */
const wantedRing = 24;

/** One sentence for each kind of options that a kernel's configuration has not; empty: it has all. */
export function adviseOnKernel(config: string): string[] {
  const values = new Map(
    [...config.matchAll(/^CONFIG_(\w+)=(.*)$/gm)].map(([, name = "", value = ""]) => [name, value]),
  );
  const advice = wanted.flatMap(([options, without]) => {
    const missing = options.filter((option) => values.get(option) !== "y").map((option) => `CONFIG_${option}=y`);
    return missing.length ? [`${without} ${missing.join(", ")}`] : [];
  });
  const ring = Number(values.get("LOG_BUF_SHIFT") ?? 0);
  if (ring < wantedRing)
    advice.push(
      `the log, all of which is in the kernel's ring, has room for ${2 ** Math.max(ring - 10, 0)} KiB: CONFIG_LOG_BUF_SHIFT=${wantedRing}, or log_buf_len=16M on the kernel command line, make it 16 MiB`,
    );
  return advice;
}
