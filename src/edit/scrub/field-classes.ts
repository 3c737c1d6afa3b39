/**
 * What the text and the bytes of a field are, and which numbers hold what a program put there.
 * keep: the kernel's or CRIU's own words. path: names between slashes. name: one name. setting: words and numbers of a control
 * file. options: of a mount. mac: a hardware address. siginfo: the kernel's structure. data: a program's bytes, zeroed.
 * value: a program's number, zeroed. ip: an internet address, in words; ips: some, each as long as the message's `group`.
 */
export type FieldClass =
  | 'keep'
  | 'path'
  | 'name'
  | 'setting'
  | 'options'
  | 'mac'
  | 'address'
  | 'sockaddr'
  | 'siginfo'
  | 'data'
  | 'value'
  | 'ip'
  | 'ips';

/** Every string, bytes and address field of the schema, and numbers that are a program's own. A test compares it with the schema. */
export const FIELD_CLASSES: Readonly<Record<string, FieldClass>> = {
  'aa_namespace.name': 'path',
  'aa_policy.blob': 'data',
  'aa_policy.name': 'path',
  'binfmt_misc_entry.extension': 'name',
  'binfmt_misc_entry.flags': 'keep',
  'binfmt_misc_entry.interpreter': 'path',
  'binfmt_misc_entry.magic': 'name',
  'binfmt_misc_entry.mask': 'name',
  'binfmt_misc_entry.name': 'name',
  'bpfmap_file_entry.map_name': 'name',
  'cg_controller_entry.cnames': 'setting',
  'cg_member_entry.name': 'setting',
  'cg_member_entry.path': 'path',
  'cgroup_dir_entry.dir_name': 'path',
  'cgroup_prop_entry.name': 'keep',
  'cgroup_prop_entry.value': 'setting',
  'cpuinfo_x86_entry.model_id': 'keep',
  'creds_entry.apparmor_data': 'data',
  'creds_entry.lsm_profile': 'name',
  'creds_entry.lsm_sockcreate': 'name',
  'eventpoll_tfd_entry.data': 'value',
  'fanotify_mount_mark_entry.path': 'path',
  'fdinfo_entry.xattr_security_selinux': 'name',
  'fh_entry.path': 'path',
  'ghost_file_entry.symlnk_target': 'path',
  'inet_sk_entry.dst_addr': 'ip',
  'inet_sk_entry.ifname': 'name',
  'inet_sk_entry.src_addr': 'ip',
  'inventory_entry.dump_criu_run_id': 'keep',
  'io_uring_file_entry.rings': 'data',
  'io_uring_file_entry.sqes': 'data',
  'ip_opts_entry.multicast_if': 'address',
  'ip_opts_entry.options': 'data',
  'ip_opts_entry.unicast_if': 'keep',
  'ipv6_opts_entry.dstopts': 'data',
  'ipv6_opts_entry.hopopts': 'data',
  'ipv6_opts_entry.rthdr': 'data',
  'ipv6_opts_entry.rthdrdstopts': 'data',
  'ipv6_opts_entry.unicast_if': 'keep',
  'irmap_cache_entry.path': 'path',
  'keyrings_entry.session_name': 'name',
  'memfd_inode_entry.name': 'path',
  'mnt_entry.ext_key': 'path',
  'mnt_entry.fsname': 'setting',
  'mnt_entry.mountpoint': 'path',
  'mnt_entry.options': 'options',
  'mnt_entry.root': 'path',
  'mnt_entry.source': 'path',
  'mqueue_file_entry.name': 'name',
  'multicast_group_entry.group': 'ip',
  'multicast_group_entry.sources': 'ips',
  'net_device_entry.address': 'mac',
  'net_device_entry.name': 'name',
  'netns_entry.ext_key': 'path',
  'packet_mclist.addr': 'mac',
  'pidns_entry.ext_key': 'path',
  'plugins_entry.plugins': 'keep',
  'posix_timer_entry.sival_ptr': 'value',
  'reg_file_entry.kmsg_boot': 'keep',
  'reg_file_entry.name': 'path',
  'seccomp_filter.filter': 'keep',
  'set_image_entry.name': 'keep',
  'siginfo_entry.siginfo': 'siginfo',
  'sit_entry.local': 'ip',
  'sit_entry.rd_prefix': 'ip',
  'sit_entry.relay_prefix': 'ip',
  'sit_entry.remote': 'ip',
  'sk_opts_entry.so_bound_dev': 'name',
  'sk_packet_entry.from': 'sockaddr',
  'sk_packet_entry.sender': 'path',
  'sysctl_entry.sarg': 'setting',
  'task_core_entry.comm': 'name',
  'tcp_opts_entry.congestion': 'setting',
  'tcp_opts_entry.fastopen_key': 'data',
  'thread_core_entry.comm': 'name',
  'thread_core_entry.cpu_affinity': 'keep',
  'thread_core_entry.memory_policy_nodes': 'keep',
  'tty_data_entry.data': 'data',
  'tun_attribute.value': 'data',
  'tun_device.address': 'mac',
  'tun_device.alias': 'name',
  'tun_device.broadcast': 'mac',
  'tun_device.features': 'keep',
  'tun_record.header': 'keep',
  'tun_setting.name': 'keep',
  'tun_setting.value': 'setting',
  'tunfile_entry.netdev': 'name',
  'unix_sk_entry.file_path': 'path',
  'unix_sk_entry.name': 'path',
  'unix_sk_entry.name_dir': 'path',
  'unix_sk_entry.peer_name': 'path',
  'utsns_entry.domainname': 'name',
  'utsns_entry.nodename': 'name',
  'vma_entry.memory_policy_nodes': 'keep',
};

/**
 * Messages of registers, and which of their numbers stay: those that say where a thread is, and how the processor is set, not
 * what it works on.
 */
export const REGISTERS: Readonly<Record<string, readonly string[]>> = {
  pac_address_keys: [],
  pac_generic_keys: [],
  user_aarch64_fpsimd_context_entry: ['fpsr', 'fpcr'],
  user_aarch64_regs_entry: ['sp', 'pc', 'pstate'],
  user_arm_regs_entry: ['sp', 'pc', 'cpsr'],
  user_arm_vfpstate_entry: ['fpscr', 'fpexc'],
  user_loongarch64_fpregs_entry: ['fcsr', 'fcc'],
  user_loongarch64_gpregs_entry: ['pc'],
  user_mips_fpregs_entry: ['fpu_fcr31', 'fpu_id'],
  user_mips_regs_entry: ['r29', 'cp0_epc', 'cp0_status', 'cp0_cause'],
  user_ppc64_fpstate_entry: [],
  user_ppc64_regs_entry: ['nip', 'msr', 'ccr', 'trap'],
  user_ppc64_tm_regs_entry: [],
  user_ppc64_vrstate_entry: [],
  user_ppc64_vsxstate_entry: [],
  user_riscv64_d_ext_entry: ['fcsr'],
  user_riscv64_regs_entry: ['pc', 'sp', 'tp'],
  user_s390_fpregs_entry: ['fpc'],
  user_s390_gs_cb_entry: [],
  user_s390_regs_entry: ['psw_mask', 'psw_addr', 'system_call'],
  user_s390_ri_entry: ['ri_on'],
  user_s390_vxrs_high_entry: [],
  user_s390_vxrs_low_entry: [],
  user_x86_cet_entry: ['cet', 'ssp'],
  user_x86_fpregs_entry: ['cwd', 'swd', 'twd', 'fop', 'rip', 'rdp', 'mxcsr', 'mxcsr_mask'],
  user_x86_regs_entry: [
    ...['orig_ax', 'ip', 'sp', 'flags', 'mode', 'restart_error', 'time_left_ns'],
    ...['cs', 'ss', 'ds', 'es', 'fs', 'gs', 'fs_base', 'gs_base'],
  ],
  user_x86_xsave_entry: ['xstate_bv', 'pkru', 'bndcsr_state'],
};
