import { Failure } from "./failure.js";
import type { FileSystem } from "./file-tree.js";
import { tmpfsDefault } from "./kernel-files.js";
import type { World } from "./world.js";

const units: Readonly<Record<string, number>> = { "": 1, k: 1 << 10, m: 1 << 20, g: 1 << 30 };

/** Bytes that size= of tmpfs(5) says. Throws Failure EINVAL. */
function tmpfsSize(world: World, text: string): number {
  const [, digits, unit = ""] = /^(\d+)([kmg%]?)$/i.exec(text) ?? [];
  if (digits === undefined) throw new Failure("EINVAL");
  const whole = tmpfsDefault(world) * 2;
  return unit === "%" ? (whole * Number(digits)) / 100 : Number(digits) * (units[unit.toLowerCase()] ?? 1);
}

/** By mode: may nodes be named, and have they to be? The kernel's mpol_parse_str. */
const memoryPolicies: Readonly<Record<string, "never" | "may" | "must">> = {
  default: "never",
  local: "never",
  prefer: "may",
  interleave: "may",
  "weighted interleave": "may",
  bind: "must",
  "prefer (many)": "must",
};

/** Would the kernel take this mpol= of tmpfs(5)? */
function isPolicy(text: string, nodeCount: number): boolean {
  const [mode = "", ...rest] = text.split(":");
  const [name = "", flag] = mode.split("=");
  const nodes = memoryPolicies[name];
  if (nodes === undefined || (flag !== undefined && !/^(static|relative)$/.test(flag))) return false;
  if (!rest.length) return nodes !== "must";
  const list = rest.join(":");
  const isList = name === "prefer" ? /^\d+$/ : /^\d+(-\d+)?(,\d+(-\d+)?)*$/;
  return nodes !== "never" && isList.test(list) && list.split(/[-,]/).every((node) => Number(node) < nodeCount);
}

const memoryOption =
  /^(uid|gid|nr_inodes|nr_blocks|huge|noswap|inode32|inode64|ptmxmode|newinstance|hidepid|subset|seclabel|(usr|grp)?quota)$/;

/** Options of tmpfs(5), and of devpts and devtmpfs, which have some of them. Throws Failure EINVAL for others. */
export function configure(world: World, system: FileSystem, data: string): void {
  const { type, root } = system;
  if (type === "tmpfs") {
    system.limit ??= tmpfsDefault(world);
    if (!system.shown) root.mode = 0o1777;
  }
  // A list of nodes has commas, too.
  for (const option of data.split(/,(?!\d)/).filter(Boolean)) {
    const [name = "", value = ""] = option.split(/=(.*)/, 2);
    if (name === "mode") root.mode = Number.parseInt(value, 8);
    else if (name === "size" && type !== "devpts") {
      const limit = tmpfsSize(world, value);
      // Less than its files take.
      if (limit && limit < system.used) throw new Failure("EINVAL");
      system.limit = limit || undefined;
      system.shown = `,size=${Math.ceil(limit / 1024)}k`;
    } else if (name === "mpol" ? !isPolicy(value, world.description.nodes ?? 1) : !memoryOption.test(name))
      throw new Failure("EINVAL");
  }
  if (type === "tmpfs" && root.mode !== 0o1777) {
    system.shown = system.shown.replace(/,mode=\d+/, "");
    system.shown += `,mode=${root.mode.toString(8)}`;
  }
}

/** Of the kernel itself, and of its security modules. */
const ofAllTypes =
  /^(ro|rw|sync|async|dirsync|(no)?lazytime|(no)?mand|(fs|def|root)?context|seclabel|smackfs\w+|(no)?iversion)$/;

/** Names of options that a type of file system knows in some kernel since 5.10, or has known: fs_parameter_spec, match_table_t. */
const knownOptions: Readonly<Record<string, ReadonlySet<string>>> = {
  ext4: words(`
    abort acl auto_da_alloc barrier bh block_validity bsddf bsdgroups check commit data data_err dax dax_fc_bytelog debug debug_want_extra_isize delalloc dioread_lock
    dioread_nolock discard errors fc_debug_force fc_debug_max_replay grpid grpjquota grpquota i_version init_itable inlinecrypt inode_readahead_blks
    journal_async_commit journal_checksum journal_dev journal_ioprio journal_path jqfmt max_batch_time max_dir_size_kb mb_optimize_scan
    mblk_io_submit min_batch_time minixdf no_mbcache no_prefetch_block_bitmaps noacl noauto_da_alloc nobarrier nobh noblock_validity nocheck nodelalloc
    nodioread_nolock nodiscard nogrpid noinit_itable nojournal_checksum noload nombcache nomblk_io_submit noquota norecovery noreservation
    nouid32 nouser_xattr nowarn_on_error oldalloc orlov prefetch_block_bitmaps prjquota quota reservation resgid resuid sb stripe
    sysvgroups test_dummy_encryption user_xattr usrjquota usrquota warn_on_error`),
  xfs: words(`
    allocsize attr2 barrier bsdgroups dax discard filestreams gqnoenforce gquota grpid grpquota ikeep inode32 inode64 largeio lifetime logbsize logbufs
    logdev max_atomic_write max_open_zones noalign noattr2 nobarrier nodiscard nogrpid noikeep nolargeio nolifetime noquota norecovery nouuid pqnoenforce
    pquota prjquota qnoenforce quota rtdev sunit swalloc swidth sysvgroups uqnoenforce uquota usrquota wsync`),
  btrfs: words(`
    acl autodefrag barrier check_int check_int_data check_int_print_mask clear_cache commit compress compress-force datacow datasum
    degraded device discard enospc_debug fatal_errors flushoncommit fragment ignorebadroots ignoredatacsums ignoremetacsums ignoresuperflags inode_cache
    max_inline metadata_ratio noacl noautodefrag nobarrier nodatacow nodatasum nodiscard noenospc_debug noflushoncommit noinode_cache nologreplay
    norecovery nospace_cache nossd nossd_spread notreelog recovery ref_verify rescan_uuid_tree rescue skip_balance space_cache ssd
    ssd_spread subvol subvolid subvolrootid thread_pool treelog usebackuproot user_subvol_rm_allowed`),
  vfat: words(`
    allow_utime blocksize check codepage conv cvf_format cvf_options debug discard dmask dos1xfloppy errors fat flush fmask gid iocharset nfs
    nonumtail posix quiet rodir shortname showexec sys_immutable time_offset tz uid umask uni_xlate usefree utf8`),
};

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}

/** Ext4's driver mounts its elders. */
const driverOf: Readonly<Record<string, string>> = { ext2: "ext4", ext3: "ext4" };

/** Throws Failure EINVAL for options that no kernel knows. Of types that are not listed here all are taken. */
export function checkOptions({ description }: World, type: string, data: string): void {
  const known = knownOptions[driverOf[type] ?? type];
  const isKnown = (name: string) =>
    known?.has(name) || ofAllTypes.test(name) || description.mountOptions?.includes(name);
  const names = (data.match(/(?:"[^"]*"|[^,"])+/g) ?? []).map((option) => option.replace(/=.*/s, ""));
  if (known && !names.every(isKnown)) throw new Failure("EINVAL");
}
