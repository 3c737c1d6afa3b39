// Known values in every kind of memory, in three threads, one of which is deep in calls: for tools that look into memory.
// It is built with -g by the tests that want it (fixed names: marked_counter, marked_text, innermost).
#define _GNU_SOURCE
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

volatile long marked_counter = 0x1122334455667788;
char marked_text[64] = "text in initialised data";
char *on_heap, *in_shared, *in_memfd;
volatile int ready;

__attribute__((noinline)) void innermost(int depth) {
  __atomic_add_fetch(&ready, 1, __ATOMIC_SEQ_CST);
  for (;;) pause();
  marked_counter += depth;
}

__attribute__((noinline)) void middle(int depth) {
  innermost(depth + 1);
  marked_counter++;
}

void *outermost(void *name) {
  pthread_setname_np(pthread_self(), name);
  middle(1);
  return NULL;
}

int main(void) {
  on_heap = malloc(100);
  strcpy(on_heap, "text on the heap");
  in_shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  strcpy(in_shared + 4096, "text in shared memory");
  int fd = memfd_create("marks", 0);
  ftruncate(fd, 8192);
  in_memfd = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  strcpy(in_memfd, "text in a memfd");
  pthread_t threads[2];
  pthread_create(&threads[0], NULL, outermost, "first");
  pthread_create(&threads[1], NULL, outermost, "second");
  while (ready < 2) usleep(1000);
  puts("ready");
  fflush(stdout);
  middle(0);
}
