// linux/eventpoll.h: epoll_ctl(2).
export const EPOLL_CTL_ADD = 1;

// linux/eventpoll.h: events.
export const EPOLLIN = 1;

/** struct epoll_event, packed on x86_64: u32 events, u64 data; offsets in bytes. */
export const EPOLL_EVENT = { events: 0, data: 4 } as const;

export const EPOLL_EVENT_BYTES = 12;
