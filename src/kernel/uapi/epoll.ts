// linux/eventpoll.h: epoll_ctl(2).
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;
export const EPOLL_CTL_MOD = 3;

// The O_ value.
export const EPOLL_CLOEXEC = 0o2000000;

// linux/eventpoll.h: events.
export const EPOLLIN = 1;
export const EPOLLPRI = 2;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 0x10;
export const EPOLLRDHUP = 0x2000;
export const EPOLLEXCLUSIVE = 0x10000000;
export const EPOLLWAKEUP = 0x20000000;
export const EPOLLONESHOT = 0x40000000;
export const EPOLLET = 0x80000000;

/** struct epoll_event, packed on x86_64: u32 events, u64 data; offsets in bytes. */
export const EPOLL_EVENT = { events: 0, data: 4 } as const;

export const EPOLL_EVENT_BYTES = 12;
