/*
 * A plugin for QEMU's interpreter that counts guest instructions, and writes the count down whenever the guest executes a marker:
 *
 *     qemu-system-x86_64 -plugin count.so,counts=PATH ...
 *
 * Each line of the file is "MARKER COUNT". The count includes the whole block that the marker stands in. One virtual CPU only.
 *
 * Declared here because Debian packages no header: what versions 1 (include/qemu/qemu-plugin.h of QEMU 7.2) and 3 and newer (since 9.1)
 * of the interface have in common, and the one function that differs. PLUGIN_INTERFACE is 1 or 3.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
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
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned int, void *),
					  enum qemu_plugin_cb_flags, void *);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned int, void *),
					    enum qemu_plugin_cb_flags, void *);

__attribute__((visibility("default"))) int qemu_plugin_version = PLUGIN_INTERFACE;
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t, const qemu_info_t *, int, char **);

static uint64_t executed;
static FILE *counts;

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

static void on_marker(unsigned int cpu, void *id)
{
	(void)cpu;
	fprintf(counts, "%" PRIuPTR " %" PRIu64 "\n", (uintptr_t)id, executed);
	fflush(counts);
}

static void on_translation(qemu_plugin_id_t plugin, struct qemu_plugin_tb *block)
{
	static const unsigned char marker[] = { MARKER_BYTES };
	size_t length = qemu_plugin_tb_n_insns(block);

	(void)plugin;
	qemu_plugin_register_vcpu_tb_exec_cb(block, on_block, QEMU_PLUGIN_CB_NO_REGS, (void *)length);
	for (size_t i = 0; i < length; i++) {
		struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
		unsigned char bytes[sizeof(marker) + 1];

		if (qemu_plugin_insn_size(instruction) != sizeof(bytes))
			continue;
		copy_bytes(instruction, bytes, sizeof(bytes));
		if (!memcmp(bytes, marker, sizeof(marker)))
			qemu_plugin_register_vcpu_insn_exec_cb(instruction, on_marker, QEMU_PLUGIN_CB_NO_REGS,
							       (void *)(uintptr_t)bytes[sizeof(marker)]);
	}
}

int qemu_plugin_install(qemu_plugin_id_t plugin, const qemu_info_t *info, int argc, char **argv)
{
	if (info->system.max_vcpus != 1 || argc != 1 || strncmp(argv[0], "counts=", 7) != 0) {
		fprintf(stderr, "count.so: needs counts=PATH and one virtual CPU\n");
		return -1;
	}
	counts = fopen(argv[0] + 7, "w");
	if (!counts) {
		perror(argv[0]);
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(plugin, on_translation);
	return 0;
}
