/** In each image: dm-crypt, what cryptsetup asks the kernel's ciphers by, and those that it uses if nobody says otherwise, in all of its releases. */
export const usual = [
  ...["dm_crypt", "af_alg", "algif_skcipher", "algif_hash"],
  ...["aes_generic", "xts", "ecb", "cbc", "essiv", "sha256_generic", "sha512_generic", "authenc"],
];

const architectures = ["arm", "arm64", "loongarch", "powerpc", "riscv", "s390", "x86"];

/**
 * Ciphers and hashes, by directories of the kernel: generic images have all of them, the processor's own, too, since a device may have any. Host-only ones have
 * those that are loaded, as they are where the device is open.
 */
export const directories = ["crypto", ...architectures.map((name) => `arch/${name}/crypto`)];

/** Tests, and programs' access to what no device needs. */
export const unwanted = ["tcrypt", "crypto_user", "ansi_cprng"];

/** A file system that sticks with keys have, with the character sets of its names. */
export const keyFileSystems = ["vfat", "nls_cp437", "nls_iso8859_1", "nls_ascii", "nls_utf8"];
