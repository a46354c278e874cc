/**
 * PID 1 as a program that needs no other file (mkinitrd --static-init): what an image has in files of its own lies in the program. Its ELF file then has
 * at the address below a segment, read-only, and a section of the name below; in the PID 1 of other images both are there, and hold no archive. The
 * kernel maps it with the rest of the program, so that PID 1 opens no file for it. Made by core/generator/static-init.ts, read by core/init/image.c.
 *
 * | bytes | what |
 * |---|---|
 * | 8 | ownFilesMagic |
 * | 8 | bytes of the archive, little-endian; 0: there is none, and PID 1 takes the files of the initramfs |
 * | | the archive: cpio, "newc", of the files below /usr/lib/firstlight (image.ts) |
 */

/** In ASCII. */
export const ownFilesMagic = "1st-init";
export const ownFilesSection = ".firstlight";
/** Behind all other segments of a program of this size, and below the memory that the engine maps. */
export const ownFilesAddress = 0x1000_0000;
/** Bytes before the archive. */
export const ownFilesHeader = 16;
