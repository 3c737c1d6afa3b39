/** What the text of an error line stands for. Named groups of the pattern become the object. */
export interface Reason {
  readonly pattern: RegExp;
  readonly cause: string;
  readonly todo: string;
}

const SAME_FILE =
  'put back the file of the time of the dump; if the tree can live with the change, crit restores it with --file-validation none';
const FREE_PID = 'end the process that has it, or restore in a pid namespace of its own (unshare -pf --mount-proc)';
const CRIU_ONLY = 'restore or dump it with CRIU, or without what is named (docs/limits.md)';

/** Error lines of CRIU after which it goes on: a container that may not raise its limits says the first at every dump. */
export const HARMLESS = /^(?:rlimit: )?Can't setup RLIMIT_NOFILE for self/;

/**
 * The errors of CRIU 4.2 and of crit that decide. In the order in which they are tried; of two that fit a line, the first. What only
 * follows from another error ("Restoring FAILED.") is in no row.
 */
export const REASONS: readonly Reason[] = [
  // files
  {
    pattern: /[Ff]ile (?<path>\S.*?) has bad size (?<size>\d+) \(expect (?<expected>\d+)\)/,
    cause: 'the file was changed since the dump: it has another size',
    todo: SAME_FILE,
  },
  {
    pattern: /[Ff]ile (?<path>\S.*?) has bad mode (?<mode>\S+) \(expect (?<expected>\S+?)\)/,
    cause: 'the file has another type or other permissions than when it was dumped',
    todo: 'put them back (chmod); --skip-file-rwx-check passes over permissions',
  },
  {
    pattern: /[Ff]ile (?<path>\S.*?) has bad build-ID/,
    cause: 'the program or library is another build than the one that was running: its code in memory would not fit',
    todo: 'install the version of that time again, or restore where it is installed (--file-validation filesize compares sizes alone)',
  },
  {
    pattern: /file (?<path>\/.*?)(?:, which leads to .*?,)? has another build-id/,
    cause: 'the program or library is another build than the one that was running: its code in memory would not fit',
    todo: 'install the version of that time again, or restore where it is installed (--file-validation filesize compares sizes alone)',
  },
  {
    pattern:
      /file (?<path>\/.*?)(?:, which leads to .*?,)? has (?<size>\d+) bytes, when it was dumped it had (?<expected>\d+)/,
    cause: 'the file was changed since the dump: it has another size',
    todo: SAME_FILE,
  },
  {
    pattern:
      /file (?<path>\/.*?)(?:, which leads to .*?,)? has mode (?<mode>0\d+), when it was dumped it had (?<expected>0\d+)/,
    cause: 'the file has another type or other permissions than when it was dumped',
    todo: 'put them back (chmod); --skip-file-rwx-check passes over permissions',
  },
  {
    pattern: /file (?<path>\/.*?)(?:, which leads to .*?,)? (?:belongs to|is another file than)/,
    cause: 'another file stands where the one was that the process had open',
    todo: 'put back the file that was dumped, with its owner',
  },
  {
    pattern: /file (?<path>\/.*?) is missing/,
    cause: 'a file that a process had open or mapped is not there',
    todo: 'put it back at that path; `crit verify --host` lists all that are missing',
  },
  {
    pattern: /Can't open file (?<path>.*?) on restore: No such file/,
    cause: 'a file that a process had open or mapped is not there',
    todo: 'put it back at that path; `crit verify --host` lists all that are missing',
  },
  {
    pattern: /Can't open file (?<path>.*?)(?: on restore)?: (?<why>.*)/,
    cause: 'a file that a process had open cannot be opened',
    todo: 'see to the reason at the end of the line: rights, mounts, or the file system',
  },
  {
    pattern: /Can't link (?<path>.*?) -> (?<target>.*?): /,
    cause: 'the name that a deleted file gets while it is reopened cannot be made',
    todo: 'see to rights and room in that directory; nothing else may have the name',
  },
  {
    pattern: /Can't dump ghost file (?<path>.*?) of (?<size>\d+) size/,
    cause: 'a deleted file that is still open is larger than what is copied into the images',
    todo: 'raise --ghost-limit',
  },
  {
    pattern: /\((?<path>\/.*?)\): the deleted file takes (?<size>\d+) bytes/,
    cause: 'a deleted file that is still open is larger than what is copied into the images',
    todo: 'raise --ghost-limit',
  },
  {
    pattern: /Can't create link remap for (?<path>.*?)\./,
    cause: 'a name of an open file was deleted while it has others',
    todo: 'dump with --link-remap',
  },
  {
    pattern: /\((?<path>\/.*?)\): its name was removed while other hard links/,
    cause: 'a name of an open file was deleted while it has others',
    todo: 'dump with --link-remap',
  },
  {
    pattern:
      /Some file locks are hold by dumping tasks|process (?<pid>\d+), descriptor (?<descriptor>\d+) \((?<path>.*?)\): .* is held: use --file-locks/,
    cause: 'a process holds a file lock',
    todo: 'dump and restore with --file-locks',
  },
  // numbers
  {
    pattern: /Can't fork for (?<pid>\d+): File exists/,
    cause: 'the pid is in use here by another process or thread',
    todo: FREE_PID,
  },
  {
    pattern: /Pid (?<got>\d+) do not match expected (?<pid>\d+)/,
    cause: 'somebody else took the pid while the tree was being restored',
    todo: `try again; ${FREE_PID}`,
  },
  {
    pattern: /pid (?<pid>\d+) is in use by/,
    cause: 'the pid is in use here by another process or thread',
    todo: FREE_PID,
  },
  {
    pattern: /pid (?<pid>\d+) cannot be had here/,
    cause: 'the pid is beyond the largest one of this machine',
    todo: 'raise kernel.pid_max (sysctl)',
  },
  {
    pattern: /Can't fork for (?<pid>\d+): (?<why>.*)/,
    cause: 'the kernel does not start the process',
    todo: 'see to the reason at the end of the line: memory, the limit of processes (pids.max), rights',
  },
  // sessions and terminals
  {
    pattern: /root process (?<pid>\d+) is not a session leader/,
    cause: 'the tree was started from a shell, whose session is outside of the tree',
    todo: 'use --shell-job for dump and restore, or start the program with setsid',
  },
  {
    pattern:
      /(?:task|process) (?<pid>\d+) belongs to session (?<session>\d+), (?:which is not in the images|whose leader)/,
    cause: 'the tree was started from a shell, whose session is outside of the tree',
    todo: 'use --shell-job for dump and restore, or start the program with setsid',
  },
  {
    pattern: /Found dangling tty with sid (?<session>\d+)/,
    cause: 'the tree has a terminal whose other end is outside of it',
    todo: 'use --shell-job, or start the program without a terminal (setsid, < /dev/null > log 2>&1)',
  },
  {
    pattern: /was on a terminal/,
    cause: 'the tree was on a terminal, and there is none here',
    todo: 'restore it from a terminal, with --shell-job',
  },
  // sockets
  {
    pattern: /Connected TCP socket/,
    cause: 'there is an established TCP connection',
    todo: 'use --tcp-established for dump and restore, or --tcp-close to let it break (CRIU)',
  },
  {
    pattern: /Need to set the --tcp-close/,
    cause: 'the set was dumped with --tcp-close',
    todo: 'restore with --tcp-close',
  },
  {
    pattern: /Dumped with --allow-uprobes/,
    cause: 'the set was dumped with --allow-uprobes',
    todo: 'restore with --allow-uprobes',
  },
  {
    pattern: /[Cc]an't bind inet socket.*?: Address already in use/,
    cause: 'a port of the set is in use here',
    todo: 'end who has the port (ss -ltnup); `crit verify --host` names the port',
  },
  {
    pattern: /[Cc]an't bind inet socket.*?: Cannot assign requested address/,
    cause: 'an address of the set is none of this machine',
    todo: 'give this machine the address, or restore in a network namespace that has it',
  },
  {
    pattern: /External socket is used|Unix socket (?<socket>\d+) with unreachable peer (?<peer>\d+)/,
    cause: 'a unix socket is connected to a process outside of the tree',
    todo: 'dump the other process too, or use --ext-unix-sk for dump and restore (CRIU)',
  },
  {
    pattern: /FATAL: Peer (?<peer>\d+) unresolved for (?<socket>\d+)/,
    cause: 'the other end of a unix socket is not in the set',
    todo: 'the set is not whole, or was edited: `crit verify` names it',
  },
  // processor, kernel, rights
  {
    pattern:
      /CPU (?:instruction )?capabilities do not match|CPU Feature .* not supported on host|CPU xfeatures has unsupported|CPU xsave.* size mismatch|which this processor does not have/,
    cause: 'the processor of this machine lacks what the set needs',
    todo: 'restore on a machine with the same or a newer processor (--cpu-cap says what is compared)',
  },
  {
    pattern: /needs CAP_SYS_ADMIN or CAP_CHECKPOINT_RESTORE|must run as root|Operation not permitted$/,
    cause: 'who ran it does not have the rights that it takes',
    todo: 'run it as root, in a container with CAP_SYS_ADMIN and CAP_SYS_PTRACE',
  },
  {
    pattern:
      /[Uu]nable to enter existing PID namespace|restore into an empty PID namespace|First PID in a PID namespace needs to be (?<pid>\d+)/,
    cause: 'the pid namespace that is restored into does not fit the set',
    todo: 'restore into a new pid namespace, or dump the tree from inside of its own',
  },
  // dump
  {
    pattern: /(?:task|process|[Tt]ask) (?<pid>\d+).* is traced by process (?<tracer>\d+)/,
    cause: 'a debugger, strace or another dump holds the process',
    todo: 'end that first',
  },
  {
    pattern: /Unable to (?:attach|seize) (?:to )?(?:task )?(?<pid>\d+)|ptrace.*Operation not permitted/i,
    cause: 'the process cannot be stopped: it is traced, or there are no rights',
    todo: 'end the debugger or strace that holds it; run as root',
  },
  {
    pattern: /is restricted by (?<module>seccomp|landlock)/,
    cause: 'the process has a filter of system calls, or is in a sandbox',
    todo: CRIU_ONLY,
  },
  // sets
  {
    pattern: /Not supported images version (?<version>\d+)/,
    cause: 'the images are of a version that the tool does not know, or the inventory is damaged',
    todo: '`crit verify` tells; use a newer CRIU',
  },
  {
    pattern: /Core march mismatch/,
    cause: 'the images are of another machine type than this one',
    todo: 'restore on a machine of that type',
  },
  {
    pattern: /Unexpected EOF on \((?<image>\S+)\)|(?<image2>[\w-]+\.img): there is no such file/,
    cause: 'an image of the set is missing or empty',
    todo: '`crit verify` names everything that is missing or damaged',
  },
  {
    pattern: /Can't open core data for (?<pid>\d+)|(?:Can't open|Unable to open) (?<image>\S+\.img)/,
    cause: 'an image of the set is missing or cannot be read',
    todo: '`crit verify` names everything that is missing or damaged',
  },
  {
    pattern: /(?<image>\S*\.img)\b.*(?:is missing|is empty|cut off|: the set is torn)/,
    cause: 'an image of the set was lost or cut off',
    todo: 'copy the set again; `crit verify` names everything that is missing or damaged',
  },
  {
    pattern: /has no inventory\.img|did not finish, the set is torn/,
    cause: 'the directory holds no complete set: the dump failed, or another directory is meant',
    todo: 'see the log of the dump; name the right directory with -D',
  },
  {
    pattern:
      /^(?:\S*\/)?(?<image>[\w-]+\.img): (?:entry|entries|offset|img_version|tc|thread_core|task|images|file|there)/,
    cause: 'an image is damaged, or images contradict each other',
    todo: '`crit verify` lists all that is wrong; take another copy of the set, or dump again',
  },
  // what a tool cannot do
  {
    pattern:
      /control group (?<path>\S+)|[Cc]an't move (?:into )?(?<path2>\S+).*cg|Cgroup dir (?<path3>\S+) doesn't exist/,
    cause: 'a control group is not there, or the process cannot be put into it',
    todo: 'make the group again, or use --manage-cgroups=ignore',
  },
  {
    pattern: /Can't dump file (?<descriptor>\d+) of that type \[\d+\] \((?<what>.*)\)/,
    cause: 'the process has a file open that the tool does not support',
    todo: CRIU_ONLY,
  },
  {
    pattern: /Net namespace is required to dump tun link/,
    cause: 'the process has a network interface (tun, tap) of a namespace that is not dumped',
    todo: 'run the tree in a network namespace of its own',
  },
  {
    pattern:
      /process (?<pid>\d+), (?:descriptor (?<descriptor>\d+) \((?<path>.*?)\)|mapping (?<mapping>[\da-f]+-[\da-f]+) ?(?<path2>.*?)): (?<what>.*?) (?:is |are )?not supported/,
    cause: 'the tool does not support what the process has',
    todo: CRIU_ONLY,
  },
  {
    pattern: /namespace of its own|not supported(?: yet)?\b/,
    cause: 'the tool does not support what the process has',
    todo: CRIU_ONLY,
  },
];
