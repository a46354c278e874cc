/* An instruction that does nothing, that no compiler emits, and that count.so knows: an 8-byte nop whose last byte is the marker's number. */
#define MARKER_BYTES 0x0f, 0x1f, 0x84, 0x00, 0x78, 0x56, 0x34
#define MARKER(id) __asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0x00, 0x78, 0x56, 0x34, " #id)
