/*
 * A plugin for QEMU's interpreter that counts guest instructions, and writes the count down whenever the guest executes a marker:
 *
 *     qemu-system-x86_64 -plugin count.so,counts=PATH[,watch=ID:ADDRESS]... ...
 *
 * Each line of the file is "MARKER COUNT KERNEL TIME": KERNEL of them were the kernel's, and TIME is the host's in microseconds. The counts include
 * the whole block that the marker stands in. `watch` makes a marker of the instruction at a program's address, in hexadecimal digits. One virtual CPU only.
 *
 * Declared here because Debian packages no header: what versions 1 (include/qemu/qemu-plugin.h of QEMU 7.2) and 3 and newer (since 9.1)
 * of the interface have in common, and the one function that differs. PLUGIN_INTERFACE is 1 or 3.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "marker.h"

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

typedef struct {
	const char *target_name;
	struct {
		int min;
		int cur;
	} version;
	bool system_emulation;
	struct {
		int smp_vcpus;
		int max_vcpus;
	} system;
} qemu_info_t;

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, void (*)(qemu_plugin_id_t, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned int, void *),
					  enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned int, void *),
					    enum qemu_plugin_cb_flags, void *);

__attribute__((visibility("default"))) int qemu_plugin_version = PLUGIN_INTERFACE;
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t, const qemu_info_t *, int, char **);

enum { most_watches = 8 };

static uint64_t executed, executed_by_kernel;
static FILE *counts;
static struct {
	uint64_t address;
	uintptr_t id;
} watches[most_watches];
static size_t watch_count;

#if PLUGIN_INTERFACE == 1
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);

static void copy_bytes(const struct qemu_plugin_insn *instruction, void *bytes, size_t length)
{
	memcpy(bytes, qemu_plugin_insn_data(instruction), length);
}
#else
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *, void *, size_t);

static void copy_bytes(const struct qemu_plugin_insn *instruction, void *bytes, size_t length)
{
	qemu_plugin_insn_data(instruction, bytes, length);
}
#endif

static void on_block(unsigned int cpu, void *length)
{
	(void)cpu;
	executed += (uintptr_t)length;
}

static void on_kernel_block(unsigned int cpu, void *length)
{
	on_block(cpu, length);
	executed_by_kernel += (uintptr_t)length;
}

static void on_marker(unsigned int cpu, void *id)
{
	struct timespec now;

	(void)cpu;
	clock_gettime(CLOCK_MONOTONIC, &now);
	fprintf(counts, "%" PRIuPTR " %" PRIu64 " %" PRIu64 " %lld\n", (uintptr_t)id, executed, executed_by_kernel,
		now.tv_sec * 1000000LL + now.tv_nsec / 1000);
	fflush(counts);
}

/* 0: it is none. */
static uintptr_t marker_of(const struct qemu_plugin_insn *instruction)
{
	static const unsigned char marker[] = { MARKER_BYTES };
	unsigned char bytes[sizeof(marker) + 1];

	for (size_t i = 0; i < watch_count; i++)
		if (watches[i].address == qemu_plugin_insn_vaddr(instruction))
			return watches[i].id;
	if (qemu_plugin_insn_size(instruction) != sizeof(bytes))
		return 0;
	copy_bytes(instruction, bytes, sizeof(bytes));
	return memcmp(bytes, marker, sizeof(marker)) ? 0 : bytes[sizeof(marker)];
}

static void on_translation(qemu_plugin_id_t plugin, struct qemu_plugin_tb *block)
{
	/* The upper half of all addresses is the kernel's. */
	bool by_kernel = qemu_plugin_tb_vaddr(block) >> 63;
	size_t length = qemu_plugin_tb_n_insns(block);

	(void)plugin;
	qemu_plugin_register_vcpu_tb_exec_cb(block, by_kernel ? on_kernel_block : on_block, QEMU_PLUGIN_CB_NO_REGS,
					     (void *)length);
	for (size_t i = 0; i < length; i++) {
		struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
		uintptr_t id = marker_of(instruction);

		if (id)
			qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_marker, QEMU_PLUGIN_CB_NO_REGS, (void *)id);
	}
}

static bool read_argument(const char *argument)
{
	if (strncmp(argument, "counts=", 7) == 0) {
		counts = fopen(argument + 7, "w");
		if (!counts)
			perror(argument);
		return counts;
	}
	return watch_count < most_watches &&
	       sscanf(argument, "watch=%" SCNuPTR ":%" SCNx64, &watches[watch_count].id, &watches[watch_count].address) == 2 &&
	       ++watch_count;
}

int qemu_plugin_install(qemu_plugin_id_t plugin, const qemu_info_t *info, int argc, char **argv)
{
	bool good = info->system.max_vcpus == 1;

	for (int i = 0; i < argc; i++)
		good = good && read_argument(argv[i]);
	if (!good || !counts) {
		fprintf(stderr, "count.so: needs counts=PATH, at most %d of watch=ID:ADDRESS, and one virtual CPU\n", most_watches);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(plugin, on_translation);
	return 0;
}
