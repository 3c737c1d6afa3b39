// linux/inotify.h.
/** Events that a watch can have. */
export const IN_ALL_EVENTS = 0xfff;
/** Reading makes these, of a directory too: IN_ACCESS, IN_CLOSE_NOWRITE, IN_OPEN; the same of fanotify. */
export const IN_READING = 0x31;
export const IN_MOVE_SELF = 0x800;
export const IN_EXCL_UNLINK = 0x0400_0000;
export const IN_ONESHOT = 0x8000_0000;
/** ioctl(2): the number of the next watch (Linux 4.18, CONFIG_CHECKPOINT_RESTORE). */
export const INOTIFY_IOC_SETNEXTWD = 0x4004_4900;

// linux/fanotify.h: fanotify_mark(2).
export const FAN_MARK_ADD = 1;
export const FAN_MARK_MOUNT = 0x10;
export const FAN_MARK_IGNORED_MASK = 0x20;
export const FAN_MARK_IGNORED_SURV_MODIFY = 0x40;
export const FAN_MARK_FILESYSTEM = 0x100;
export const FAN_MARK_EVICTABLE = 0x200;
export const FAN_MARK_IGNORE = 0x400;
/** Events of directories, too. */
export const FAN_ONDIR = 0x4000_0000;
/** Events that somebody waits for: FAN_OPEN_PERM, FAN_ACCESS_PERM, FAN_OPEN_EXEC_PERM, FAN_PRE_ACCESS. */
export const FAN_PERMISSION_EVENTS = 0x17_0000;
/** fanotify_init(2): any of FAN_REPORT_FID, _DIR_FID; without it, only CAP_SYS_ADMIN may make a group. */
export const FAN_REPORT_FIDS = 0x600;
/** FAN_UNLIMITED_QUEUE, FAN_UNLIMITED_MARKS: for CAP_SYS_ADMIN alone. */
export const FAN_UNLIMITED = 0x30;
