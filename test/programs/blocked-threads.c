// Threads that wait in calls of the C library: under a callback of it, in a deep recursion, in handlers of signals, on
// another stack. For backtraces; it is built without frame pointers by the test that wants it.
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define APART __attribute__((noinline, noclone))

static volatile int sink, waiting;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static int pipe_of[2];

APART void in_cond(void) {
  pthread_mutex_lock(&lock);
  __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
  for (;;) pthread_cond_wait(&never, &lock);
  sink++;
}

APART void in_poll(void) {
  __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
  poll(NULL, 0, -1);
  sink++;
}

APART void in_sleep(void) {
  __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
  nanosleep(&(struct timespec){10000, 0}, NULL);
  sink++;
}

APART void in_read(void) {
  char byte = 0;
  __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
  read(pipe_of[0], &byte, 1);
  sink += byte;
}

APART int recurse(int depth) {
  volatile char own[64];
  own[depth % 64] = depth;
  if (depth == 0) in_read();
  int below = depth == 0 ? 0 : recurse(depth - 1);
  sink += below;
  return below + own[depth % 64];
}

APART void handler(int signo) {
  in_poll();
  sink += signo;
}

APART int compare(const void *a, const void *b) {
  in_sleep();
  return *(const int *)a - *(const int *)b;
}

APART void *cond_thread(void *arg) {
  in_cond();
  return arg;
}

APART void *shallow_thread(void *arg) {
  sink = recurse(20);
  return arg;
}

APART void *deep_thread(void *arg) {
  sink = recurse(20000);
  return arg;
}

APART void *sort_thread(void *arg) {
  int values[3] = {3, 1, 2};
  qsort(values, 3, sizeof(int), compare);
  sink = values[0];
  return arg;
}

APART void *signal_thread(void *arg) {
  stack_t other = {.ss_sp = malloc(65536), .ss_size = 65536};
  sigaltstack(&other, NULL);
  sigaction(SIGUSR2, &(struct sigaction){.sa_handler = handler, .sa_flags = SA_ONSTACK}, NULL);
  pthread_kill(pthread_self(), SIGUSR2);
  return arg;
}

APART void *spin_thread(void *arg) {
  for (;;) sink++;
  return arg;
}

int main(void) {
  void *(*const begin[])(void *) = {cond_thread, shallow_thread, deep_thread, sort_thread, signal_thread, spin_thread};
  pthread_t thread;
  pipe(pipe_of);
  for (int i = 0; i < 6; i++) pthread_create(&thread, NULL, begin[i], NULL);
  while (waiting < 5) usleep(1000);
  usleep(50000);
  puts("ready");
  fflush(stdout);
  sigaction(SIGUSR1, &(struct sigaction){.sa_handler = handler}, NULL);
  raise(SIGUSR1);
  return 0;
}
