// Plants a word, which it is given as its first argument, wherever a process can hold text; then it waits.
// Its environment has the word already. Never compiled into the program: its text would hold it.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

static const char *word;

static char *called(const char *what) {
  static char text[256];
  snprintf(text, sizeof(text), "%s-%s", word, what);
  return text;
}

static void *thread(void *arg) {
  (void)arg;
  prctl(PR_SET_NAME, called("thread"));
  for (;;) pause();
  return NULL;
}

static void *mapped(int flags, int fd) { return mmap(NULL, 4096, PROT_READ | PROT_WRITE, flags, fd, 0); }

int main(int argc, char **argv) {
  if (argc < 2) return 1;
  word = argv[1];
  char on_stack[64];
  strcpy(on_stack, called("stack"));
  char *heap = strdup(called("heap"));
  strcpy(mapped(MAP_PRIVATE | MAP_ANONYMOUS, -1), called("anonymous"));
  strcpy(mapped(MAP_SHARED | MAP_ANONYMOUS, -1), called("shared"));
  int memfd = memfd_create(called("memfdname"), 0);
  ftruncate(memfd, 4096);
  strcpy(mapped(MAP_SHARED, memfd), called("memfd"));
  int self = open("/proc/self/exe", O_RDONLY);
  strcpy(mapped(MAP_PRIVATE, self), called("cow"));

  int ends[2];
  pipe(ends);
  write(ends[1], called("pipe"), strlen(called("pipe")));
  int pair[2];
  socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
  write(pair[0], called("queue"), strlen(called("queue")));

  mkdir(called("cwd"), 0700);
  chdir(called("cwd"));
  int ghost = open(called("ghostname"), O_CREAT | O_RDWR, 0600);
  write(ghost, called("ghost"), strlen(called("ghost")));
  unlink(called("ghostname"));
  open(called("file"), O_CREAT | O_RDWR, 0600);
  mkfifo(called("fifo"), 0600);
  open(called("fifo"), O_RDWR);
  prctl(PR_SET_NAME, called("comm"));
  pthread_t other;
  pthread_create(&other, NULL, thread, NULL);
  usleep(100000);
  dprintf(1, "ready\n");
  for (;;) pause();
  return on_stack[0] + heap[0];
}
