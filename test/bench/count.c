/*
 * A plugin for QEMU's interpreter that counts guest instructions, and writes the count down whenever the guest executes a marker:
 *
 *     qemu-system-x86_64 -plugin count.so,counts=PATH ...
 *
 * Each line of the file is "MARKER COUNT". The count includes the whole block that the marker stands in. One virtual CPU only.
 *
 * Declared here because Debian packages no header: version 1 of the interface, as in include/qemu/qemu-plugin.h of QEMU 7.2.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include "marker.h"

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
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
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, enum qemu_plugin_op, void *, uint64_t);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *, void (*)(unsigned int, void *),
					    enum qemu_plugin_cb_flags, void *);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;
__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t, const qemu_info_t *, int, char **);

static uint64_t executed;
static FILE *counts;

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
	qemu_plugin_register_vcpu_tb_exec_inline(block, QEMU_PLUGIN_INLINE_ADD_U64, &executed, length);
	for (size_t i = 0; i < length; i++) {
		struct qemu_plugin_insn *instruction = qemu_plugin_tb_get_insn(block, i);
		const unsigned char *bytes = qemu_plugin_insn_data(instruction);

		if (qemu_plugin_insn_size(instruction) == sizeof(marker) + 1 && !memcmp(bytes, marker, sizeof(marker)))
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
