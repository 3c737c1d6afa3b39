/** Programs of test/programs that hold what is not supported yet, with the words of the refusal. A row goes when it is. */
export const REFUSED: Readonly<Record<string, string>> = {
  'aio-forked': 'the ring of an AIO context that belongs to another process is not supported yet',
  container: 'is in a PID namespace of its own',
  'keyrings-filled': 'with keys, or one that it may not read: not supported yet',
  'io-uring-poll': 'an io_uring with 1 request(s) of thread ',
  'ns-mnt': 'is in a mount namespace of its own',
  'ns-net': 'is in a network namespace of its own',
  'ns-net-table': 'is in a network namespace of its own',
  'ns-pid': 'is in a PID namespace of its own',
  'ns-user': 'is in a user namespace of its own',
  'packet-ring-mapped': 'a mapping of socket:[',
  'pty-backlog': 'a terminal with 4000 bytes or more that nobody has read is not supported yet',
  'pty-stopped': 'a terminal whose output is stopped (^S), with data that nobody has read, is not supported yet',
  'socket-ebpf': 'a socket with a filter of eBPF (SO_ATTACH_BPF) is not supported yet',
  tun: 'is in a network namespace of its own',
  'unix-backlog-data': 'a unix connection that has sent data before it was accepted (at backlog.sock)',
};
