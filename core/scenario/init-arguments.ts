/**
 * Words that a kernel takes for itself though no "=" is in them: Debian's 6.1 for x86-64, out of its tables of __setup, early_param and core_param
 * (include/linux/init.h, moduleparam.h); - is _ in all of them.
 */
const kernelWords = new Set(
  `
  acpi acpi_apic_instance acpi_force_32bit_fadt_addr acpi_force_table_verification acpi_irq_balance
  acpi_irq_nobalance acpi_no_auto_serialize acpi_no_memhotplug acpi_no_static_ssdt acpi_no_watchdog acpi_pm_good
  acpi_rev_override acpi_rsdp acpi_sci acpi_skip_timer_override acpi_use_timer_override acpica_no_return_repair
  add_efi_memmap alloc_mptable alloc_snapshot amd_iommu_dump amd_pstate apic apic_extnmi apicpmtimer bert_disable
  bgrt_disable boot_delay bootconfig cgroup_debug clk_ignore_unused coherent_pool consoleblank cpu0_hotplug
  cpu_init_udelay crash_kexec_post_notifiers crashkernel debug debug_alternative debug_boot_weak_hash debugfs
  debugpat delayacct disable_cpu_apicid disable_mtrr_cleanup disable_mtrr_trim disable_timer_pin_1 disableapic
  dump_apple_properties early_ioremap_debug early_page_ext earlycon earlyprintk efi efi_no_storage_paranoia
  elfcorehdr enable_mtrr_cleanup erst_disable ftrace_boot_snapshot ftrace_dump_on_oops fw_devlink gart_fix_e820
  gather_data_sampling gbpages gpt hest_disable hostname hv_nopvspin idle ignore_loglevel ignore_rlimit_data
  ima_appraise_tcb ima_canonical_fmt ima_tcb indirect_target_selection init_on_alloc init_on_free initcall_debug
  initrd initrdmem int_pln_enable intel_pstate intremap io_delay iommu ipcmni_extend irqfixup irqpoll ivrs_acpihid
  ivrs_hpet ivrs_ioapic keep_bootcon kernelcore l1d_flush l1tf lapic lapic_timer_c2_ok lockdown log_buf_len loglevel
  maxcpus mce mds mem memblock memmap memtest mitigations mminit_loglevel mmio_stale_data module_blacklist
  movable_node movablecore mtrr_chunk_size mtrr_cleanup_debug mtrr_gran_size mtrr_spare_reg_nr no_console_suspend
  no_file_caps no_hash_pointers no_kvmapf no_kvmclock no_kvmclock_vsyscall no_scroll no_steal_acc no_timer_check
  no_vmw_sched_clock noapic noapictimer noautogroup noefi nofsgsbase nogbpages nohibernate nohpet nohugeiomap
  nohugevmalloc noinitrd nointremap noinvpcid noirqdebug nolapic nolapic_timer nomce nomodeset nomodule nonmi_ipi
  nopat nopcid nopku nopv nopvspin norandmaps noreplace_smp noresume nosgx nosmp nosmt nosoftlockup nospectre_v1
  notsc nowatchdog nox2apic nr_cpus numa oops page_poison panic panic_on_taint panic_on_warn panic_print
  pause_on_oops pci pd_ignore_unused percpu_alloc pm_debug_messages possible_cpus quiet randomize_kstack_offset ras
  rcu_nocb_poll rcu_nocbs rdrand rdt reg_file_data_sampling reset_devices resumewait retain_initrd retbleed ro rodata
  rootwait rw sched_verbose skew_tick slab_merge slab_nomerge slub_debug slub_merge slub_nomerge spec_rstack_overflow
  spectre_bhi srbds stack_depot_disable stacktrace strict_sas_size swiotlb sysrq_always_enabled threadirqs tp_printk
  tp_printk_stop_on_boot traceoff_on_warning tsa tsc_early_khz tsx_async_abort unknown_nmi_panic update_mptable
  userpte vmscape vsyscall x2apic_phys xen_emul_unplug xen_legacy_crash xen_msr_safe xen_no_vector_callback xen_nopv
  xen_nopvspin xen_timer_slop
`
    .trim()
    .split(/\s+/),
);

/** Quotes around a word, or around what is behind its "=", are not init's (the kernel's next_arg). */
const withoutQuotes = (word: string) => word.replace(/^([^"=]*=|)"([^"]*)"?$/, "$1$2");

/**
 * What a kernel gives to init of its command line: of the words before "--" those without "=" and "." that it does not know itself, but for those
 * before init= or rdinit=; and all after "--" (init/main.c: unknown_bootoption, init_setup, set_init_arg).
 */
export function initArguments(commandLine: string): string[] {
  const words: readonly string[] = commandLine.match(/(?:"[^"]*"?|[^\s"])+/g) ?? [];
  const end = words.includes("--") ? words.indexOf("--") : words.length;
  const named = words.slice(0, end).map(withoutQuotes);
  const afterInit = named.findLastIndex((word) => /^(rd)?init=/.test(word)) + 1;
  const unknown = named
    .slice(afterInit)
    .filter((word) => !/[=.]/.test(word) && !kernelWords.has(word.replaceAll("-", "_")));
  return [...unknown, ...words.slice(end + 1).map(withoutQuotes)];
}
