/**
 * What differs between two dumps of one process that stands still, and means nothing: left out of comparisons, each for its
 * reason. What these numbers tie together (a pipe's two ends, descriptors of one open file) is compared as "with".
 */
export const SET_ASIDE: Readonly<Record<string, string>> = {
  'inventory_entry.dump_criu_run_id': 'a new name for each run of the tool',
  'inventory_entry.dump_uptime': 'when the dump was made',
  'inventory_entry.images': 'names and sizes of the images, which are compared themselves',
  'inventory_entry.root_ids': 'numbers made at dump',
  'inventory_entry.root_cg_set': 'a number made at dump',
  'cg_set_entry.id': 'a number made at dump',
  'task_core_entry.cg_set': 'a number made at dump',
  'thread_core_entry.cg_set': 'a number made at dump',
  'thread_core_entry.seccomp_filter': 'a number made at dump',
  'core_entry.ids': 'numbers made at dump',
  'file_entry.id': 'a number made at dump',
  'fdinfo_entry.id': 'a number made at dump',
  'mm_entry.exe_file_id': 'a number made at dump: the path is compared',
  'fs_entry.cwd_id': 'a number made at dump: the path is compared',
  'fs_entry.root_id': 'a number made at dump: the path is compared',
  'vma_entry.fd': 'means nothing in an image',
  'vma_entry.shmid': 'a number made at dump, or an inode: the file is compared',
  'tty_file_entry.tty_info_id': 'a number made at dump',
  'tty_file_entry.regf_id': 'a number made at dump',
  'fifo_entry.regf_id': 'a number made at dump',
  'tty_info_entry.id': 'a number made at dump',
  'tty_data_entry.tty_id': 'a number made at dump',
  'memfd_file_entry.inode_id': 'a number made at dump',
  'memfd_inode_entry.inode_id': 'a number made at dump',
  'memfd_inode_entry.shmid': 'an inode',
  'pipe_entry.pipe_id': 'an inode',
  'pipe_data_entry.pipe_id': 'an inode',
  'fifo_entry.pipe_id': 'an inode',
  'unix_sk_entry.ino': 'an inode',
  'unix_sk_entry.peer': 'an inode',
  'inet_sk_entry.ino': 'an inode',
  'netlink_sk_entry.ino': 'an inode',
  'pidfd_entry.ino': 'an inode',
  'sk_packet_entry.id_for': 'a number made at dump',
  'eventpoll_tfd_entry.id': 'a number made at dump',
  'eventpoll_tfd_entry.target_id': 'a number made at dump',
  'eventpoll_tfd_entry.inode': 'an inode',
  'timens_entry.monotonic': 'when the dump was made',
  'timens_entry.boottime': 'when the dump was made',
  'timens_entry.realtime': 'when the dump was made',
  'pagemap_head.pages_id': 'a number made at dump',
};

/** Messages of open files have their number as `id`, too. */
const OPEN_FILE =
  /^(reg_file|pipe|fifo|inet_sk|unix_sk|eventfd_file|eventpoll_file|inotify_file|signalfd|packet_sock|tty_file|fanotify_file|netlink_sk|ns_file|tunfile|ext_file|timerfd|memfd_file|bpfmap_file|pidfd|mqueue_file|io_uring_file)_entry\.id$/;

export const isSetAside = (field: string): boolean => field in SET_ASIDE || OPEN_FILE.test(field);
