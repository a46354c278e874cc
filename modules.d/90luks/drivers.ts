/** What /sys, /proc/crypto and the tables of dm-crypt would tell on another day: what cryptsetup uses by default, in all its releases, and how it gets at it. */
export const usual = [
  ...["dm_crypt", "algif_skcipher", "algif_hash", "af_alg"],
  ...[
    "aes",
    "aes_generic",
    "xts",
    "ecb",
    "cbc",
    "essiv",
    "sha256",
    "sha256_generic",
    "sha512",
    "sha512_generic",
    "authenc",
  ],
];

/** Ciphers and hashes that LUKS devices may have, the processor's own among them: by directories of the kernel. */
export const directories = [
  "crypto",
  "arch/x86/crypto",
  "arch/arm64/crypto",
  "arch/arm/crypto",
  "arch/s390/crypto",
  "arch/powerpc/crypto",
  "arch/riscv/crypto",
  "arch/loongarch/crypto",
];

/** Tests, ciphers for other things than disks, and compression. */
export const unwanted = ["tcrypt", "crypto_user", "ansi_cprng"];

/** File systems that sticks with keys have, with their names' character sets. */
export const keyFileSystems = ["vfat", "nls_cp437", "nls_iso8859_1", "nls_ascii", "nls_utf8"];
