// Thin bindings: one function, one kernel call. TypeScript (src/native) validates, this code assumes.
// Errors come back as negative errno numbers; no sentences are made here.
#include <cpuid.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <napi.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <string>

#include "../puppet/layout.h"

extern "C" unsigned crit_run_ops(const void* ops, void* results, unsigned n);
extern "C" long crit_end_as(int status);
extern "C" long crit_call_as(int pid, uint32_t uid, uint32_t gid, const uint32_t* groups, size_t nr_groups, long nr, const uint64_t* arg);
extern "C" long crit_run_ops_apart(const void* ops, void* results, unsigned n);

namespace {

// A number, a bigint, a buffer (its address) or nothing (0).
uint64_t Word(napi_env env, napi_value value) {
  int64_t number;
  if (napi_get_value_int64(env, value, &number) == napi_ok) return number;  // mostly; asking for the type first costs more
  Napi::Value other(env, value);
  if (other.IsTypedArray()) {
    auto array = other.As<Napi::TypedArray>();
    return reinterpret_cast<uint64_t>(static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset());
  }
  if (other.IsArrayBuffer()) return reinterpret_cast<uint64_t>(other.As<Napi::ArrayBuffer>().Data());
  if (other.IsBigInt()) {
    bool lossless;
    return other.As<Napi::BigInt>().Uint64Value(&lossless);
  }
  return 0;
}

uint64_t Word(const Napi::Value& value) { return Word(value.Env(), value); }

long Raw(long nr, const uint64_t* a) {
  long r = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
  return r == -1 ? -errno : r;
}

// syscall(nr, ...args) -> result or -errno. Addresses fit a double: user space has 47 bits.
Napi::Value Syscall(const Napi::CallbackInfo& info) {
  uint64_t a[6] = {};
  size_t given = info.Length();
  for (size_t i = 1; i < given && i < 7; i++) a[i - 1] = Word(info.Env(), info[i]);
  return Napi::Number::New(info.Env(), static_cast<double>(Raw(info[0].As<Napi::Number>().Int32Value(), a)));
}

// twoSyscalls([nr, ...args], [nr, ...args]) -> result of the second, or -errno of the first that fails: nothing of JavaScript's
// in between.
Napi::Value TwoSyscalls(const Napi::CallbackInfo& info) {
  uint64_t call[2][7] = {};
  for (int i = 0; i < 2; i++) {
    auto words = info[i].As<Napi::Array>();
    for (uint32_t k = 0; k < words.Length() && k < 7; k++) call[i][k] = Word(words.Get(k));
  }
  long r = Raw(static_cast<long>(call[0][0]), call[0] + 1);
  if (r >= 0) r = Raw(static_cast<long>(call[1][0]), call[1] + 1);
  return Napi::Number::New(info.Env(), static_cast<double>(r));
}

// addressOf(buffer) -> bigint, for structures that hold pointers
Napi::Value AddressOf(const Napi::CallbackInfo& info) { return Napi::BigInt::New(info.Env(), Word(info[0])); }

// What stands in front of crit's mapping of an area, in memory of crit's own: an entry of a robust list. The word that it
// names lies at the same distance from every entry (struct robust_list_head.futex_offset).
struct Holder;
struct Front {
  robust_list entry;
  Holder* holder;  // null: the word is not held
};

// mapShared(fd, length, fd2, length2) -> ArrayBuffer over mmap(MAP_SHARED) of one file, and of a second one behind it, or
// -errno; unmapped when collected, unless its death word is held.
Napi::Value MapShared(const Napi::CallbackInfo& info) {
  struct {
    int fd;
    size_t length;
  } part[2] = {};
  for (size_t i = 0; i < 2 && 2 * i < info.Length(); i++)
    part[i] = {info[2 * i].As<Napi::Number>().Int32Value(), static_cast<size_t>(info[2 * i + 1].As<Napi::Number>().Int64Value())};
  const size_t length = part[0].length + part[1].length;
  void* room = mmap(nullptr, AREA_FRONT_SIZE + length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return Napi::Number::New(info.Env(), -errno);
  char* at = static_cast<char*>(room) + AREA_FRONT_SIZE;
  for (auto [fd, size] : part) {
    if (size && mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
      int error = errno;
      munmap(room, AREA_FRONT_SIZE + length);
      return Napi::Number::New(info.Env(), -error);
    }
    at += size;
  }
  // V8 collects garbage by what it thinks that buffers take of memory. This one takes next to nothing.
  Napi::MemoryManagement::AdjustExternalMemory(info.Env(), -static_cast<int64_t>(length));
  return Napi::ArrayBuffer::New(info.Env(), static_cast<char*>(room) + AREA_FRONT_SIZE, length, [length](Napi::Env env, void* p) {
    Napi::MemoryManagement::AdjustExternalMemory(env, static_cast<int64_t>(length));
    char* front = static_cast<char*>(p) - AREA_FRONT_SIZE;
    if (!reinterpret_cast<Front*>(front)->holder) munmap(front, AREA_FRONT_SIZE + length);
  });
}

// A thread that holds death words. When it dies, however it dies, the kernel walks its list, marks each word that has its
// thread id and wakes who waits there (get_robust_list(2)). The list and its entries are crit's private memory: a puppet
// can neither read nor change what the kernel, or crit, follows. libc is not asked: its own list entries lie beside the word.
struct Holder {
  robust_list_head head;
  uint32_t tid;
  unsigned held;

  void Begin() {
    head.list.next = &head.list;
    head.futex_offset = AREA_FRONT_SIZE + AREA_DEATH;
    head.list_op_pending = nullptr;
    syscall(SYS_set_robust_list, &head, sizeof head);
    __atomic_store_n(&tid, static_cast<uint32_t>(syscall(SYS_gettid)), __ATOMIC_SEQ_CST);
  }
};

// Entries of the tracing thread's list that stand for nothing: while the kernel follows them, between marking the death words
// and letting go of the tracees, half a millisecond passes. A thread that crit has just sent into a call enters that call
// while seccomp is suspended still.
constexpr unsigned kLingering = 1024;

// The kernel looks at no more entries of a list (linux/futex.h).
constexpr unsigned kHeldByOne = ROBUST_LIST_LIMIT - 48 - kLingering;

void Linger(Holder* holder) {
  constexpr size_t kWords = AREA_FRONT_SIZE + AREA_DEATH, kInBlock = kWords / sizeof(robust_list);
  static_assert(kLingering % kInBlock == 0, "whole blocks");
  // a block: entries, then their words
  void* room = mmap(nullptr, kLingering / kInBlock * 2 * kWords, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (room == MAP_FAILED) return;
  for (size_t i = 0; i < kLingering; i++) {
    char* at = static_cast<char*>(room) + i / kInBlock * 2 * kWords + i % kInBlock * sizeof(robust_list);
    *reinterpret_cast<uint32_t*>(at + kWords) = holder->tid | FUTEX_WAITERS;
    auto* entry = reinterpret_cast<robust_list*>(at);
    entry->next = holder->head.list.next;
    __atomic_store_n(&holder->head.list.next, entry, __ATOMIC_SEQ_CST);
  }
}

void* HoldOn(void* holder) {
  static_cast<Holder*>(holder)->Begin();
  for (;;) pause();
}

// The thread that asks holds the first ones; for more, threads are made that do nothing else.
Holder* FreeHolder() {
  static thread_local Holder own;
  static thread_local Holder* last = nullptr;
  if (!last) {
    own.Begin();
    Linger(&own);
    last = &own;
  }
  if (own.held < kHeldByOne) return &own;
  if (last != &own && last->held < kHeldByOne) return last;
  auto* next = new Holder();
  pthread_t thread;
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  int error = pthread_create(&thread, nullptr, HoldOn, next);
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  if (error) {
    delete next;
    return nullptr;
  }
  pthread_detach(thread);
  while (!__atomic_load_n(&next->tid, __ATOMIC_SEQ_CST)) sched_yield();
  return last = next;
}

// holdDeathWord(buffer) -> 0 or -errno: from now on the kernel marks the area's death word when crit dies. The waiters bit
// makes it wake as well.
Napi::Value HoldDeathWord(const Napi::CallbackInfo& info) {
  char* area = reinterpret_cast<char*>(Word(info[0]));
  auto* front = reinterpret_cast<Front*>(area - AREA_FRONT_SIZE);
  Holder* holder = FreeHolder();
  if (!holder) return Napi::Number::New(info.Env(), -EAGAIN);
  front->holder = holder;
  front->entry.next = holder->head.list.next;
  __atomic_store_n(&holder->head.list.next, &front->entry, __ATOMIC_SEQ_CST);
  holder->held++;
  __atomic_store_n(reinterpret_cast<uint32_t*>(area + AREA_DEATH), holder->tid | FUTEX_WAITERS, __ATOMIC_SEQ_CST);
  return Napi::Number::New(info.Env(), 0);
}

// dropDeathWord(buffer)
Napi::Value DropDeathWord(const Napi::CallbackInfo& info) {
  auto* front = reinterpret_cast<Front*>(reinterpret_cast<char*>(Word(info[0])) - AREA_FRONT_SIZE);
  if (!front->holder) return info.Env().Undefined();
  robust_list* before = &front->holder->head.list;
  while (before->next != &front->entry) before = before->next;
  __atomic_store_n(&before->next, front->entry.next, __ATOMIC_SEQ_CST);
  front->holder->held--;
  front->holder = nullptr;
  return info.Env().Undefined();
}

uint32_t* RingWord(const Napi::CallbackInfo& info, int index, int field) {
  return reinterpret_cast<uint32_t*>(Word(info[0]) + info[index].As<Napi::Number>().Int64Value() + field);
}

// ringSubmit(buffer, orders, answers, command): hands the operations over; wakes the puppet if it sleeps
Napi::Value RingSubmit(const Napi::CallbackInfo& info) {
  uint32_t* cmd = RingWord(info, 1, RING_CMD);
  __atomic_store_n(cmd, info[3].As<Napi::Number>().Uint32Value(), __ATOMIC_SEQ_CST);
  if (__atomic_load_n(RingWord(info, 2, ANSWER_PUPPET_SLEEPS), __ATOMIC_SEQ_CST))
    syscall(SYS_futex, cmd, FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
  return info.Env().Undefined();
}

// ringWait(buffer, orders, answers, command, spins, timeout in ms) -> true when the command is done. After a timeout the
// puppet is woken once more: what it says of its sleep is not to be relied on.
Napi::Value RingWait(const Napi::CallbackInfo& info) {
  uint32_t* done = RingWord(info, 2, ANSWER_DONE);
  uint32_t* sleeps = RingWord(info, 1, RING_CRIT_SLEEPS);
  uint32_t want = info[3].As<Napi::Number>().Uint32Value();
  for (int64_t i = info[4].As<Napi::Number>().Int64Value(); i > 0; i--) {
    if (__atomic_load_n(done, __ATOMIC_ACQUIRE) == want) return Napi::Boolean::New(info.Env(), true);
    __builtin_ia32_pause();
  }
  int64_t ms = info[5].As<Napi::Number>().Int64Value();
  timespec timeout = {ms / 1000, ms % 1000 * 1000000};
  __atomic_store_n(sleeps, 1, __ATOMIC_SEQ_CST);
  uint32_t seen = __atomic_load_n(done, __ATOMIC_SEQ_CST);
  if (seen != want) syscall(SYS_futex, done, FUTEX_WAIT, seen, &timeout, nullptr, 0);
  __atomic_store_n(sleeps, 0, __ATOMIC_SEQ_CST);
  bool ready = __atomic_load_n(done, __ATOMIC_ACQUIRE) == want;
  if (!ready) syscall(SYS_futex, RingWord(info, 1, RING_CMD), FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
  return Napi::Boolean::New(info.Env(), ready);
}

// runOps(buffer, operations, results, how many) -> how many succeeded: crit runs them itself, on this thread (ptrace needs
// the attaching one). For memory that is crit's alone.
Napi::Value RunOps(const Napi::CallbackInfo& info) {
  unsigned ran = crit_run_ops(RingWord(info, 1, 0), RingWord(info, 2, 0), info[3].As<Napi::Number>().Uint32Value());
  return Napi::Number::New(info.Env(), ran);
}

// runOpsApart(the same) -> how many succeeded, or -errno: a process that crit's death does not end runs them (apart.c).
Napi::Value RunOpsApart(const Napi::CallbackInfo& info) {
  long ran = crit_run_ops_apart(RingWord(info, 1, 0), RingWord(info, 2, 0), info[3].As<Napi::Number>().Uint32Value());
  return Napi::Number::New(info.Env(), ran);
}

struct Child {
  int stub, control;
  const int* keep;
  size_t nr_keep;
  const char* clocks;  // for /proc/self/timens_offsets, or nullptr
  volatile int error;
  char* argv[2];
  char* envp[1];
};

// time_namespaces(7): a new one with these offsets. exec takes the child into it; nobody else ever is.
bool NewTimeNamespace(const char* offsets) {
  if (syscall(SYS_unshare, CLONE_NEWTIME) < 0) return false;
  int fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/timens_offsets", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = strlen(offsets);
  bool written = write(fd, offsets, length) == length;
  int error = errno;
  close(fd);
  errno = error;
  return written;
}

// Runs in the vfork child, on its own stack but in our memory: system calls only. The descriptors that the stub
// keeps are moved above every target first, so that no dup2 hits one that is still needed.
int StubChild(void* arg) {
  auto* c = static_cast<Child*>(arg);
  int base = 64 + static_cast<int>(c->nr_keep);
  // Not sigprocmask(3): libc leaves out the two signals that it uses itself (SIGCANCEL, SIGSETXID; nptl(7)), and a
  // restored timer of its own (SIGEV_THREAD) sends the first.
  const uint64_t all = ~0ull;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, nullptr, sizeof all);
  if (c->clocks && !NewTimeNamespace(c->clocks)) {
    c->error = errno;
    _exit(127);
  }
  int stub = fcntl(c->stub, F_DUPFD, base);
  int control = fcntl(c->control, F_DUPFD, base);
  for (size_t i = 0; i < c->nr_keep; i++)
    if (c->keep[i] >= 0) {
      int fd = fcntl(c->keep[i], F_DUPFD, base);
      if (fd < 0) goto fail;
      const_cast<int*>(c->keep)[i] = fd;
    }
  if (stub < 0 || control < 0) goto fail;
  if (dup2(control, STUB_CONTROL_FD) < 0) goto fail;
  for (size_t i = 0; i < c->nr_keep; i++) {
    int target = i < 3 ? static_cast<int>(i) : static_cast<int>(i) + 1;
    if (c->keep[i] < 0)
      close(target);
    else if (dup2(c->keep[i], target) < 0)
      goto fail;
  }
  fcntl(stub, F_SETFD, FD_CLOEXEC);
  {
    // Everything else of ours must not reach the restored task.
    unsigned first = static_cast<unsigned>(c->nr_keep < 3 ? 3 : c->nr_keep) + 1;
    if (syscall(SYS_close_range, first, stub - 1, 0) < 0) goto fail;
    if (syscall(SYS_close_range, stub + 1, ~0u, 0) < 0) goto fail;
  }
  syscall(SYS_execveat, stub, "", c->argv, c->envp, AT_EMPTY_PATH);
fail:
  c->error = errno;
  _exit(127);
}

// spawnStub(stub fd, control fd, keep: Int32Array of descriptors for 0, 1, 2, 4, 5, ..., set_tid: Int32Array
// (innermost namespace first, may be empty), clone flags, offsets of a time namespace for it or undefined) -> pid or
// -errno. clone3(2) with CLONE_VM|CLONE_VFORK.
Napi::Value SpawnStub(const Napi::CallbackInfo& info) {
  auto keep = info[2].As<Napi::Int32Array>();
  auto tids = info[3].As<Napi::Int32Array>();
  char name[] = "crit-stub";
  std::string clocks = info[5].IsString() ? info[5].As<Napi::String>().Utf8Value() : "";
  Child child = {info[0].As<Napi::Number>().Int32Value(), info[1].As<Napi::Number>().Int32Value(), keep.Data(), keep.ElementLength(),
                 info[5].IsString() ? clocks.c_str() : nullptr, 0, {name, nullptr}, {nullptr}};
  const size_t kStack = 65536;
  char* stack = static_cast<char*>(mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  if (stack == MAP_FAILED) return Napi::Number::New(info.Env(), -errno);
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);  // no handler of ours may run in the child
  struct clone_args args = {};
  args.flags = CLONE_VM | CLONE_VFORK | Word(info[4]);
  args.exit_signal = (args.flags & CLONE_PARENT) ? 0 : SIGCHLD;
  args.stack = reinterpret_cast<uint64_t>(stack);
  args.stack_size = kStack;
  args.set_tid = tids.ElementLength() ? reinterpret_cast<uint64_t>(tids.Data()) : 0;
  args.set_tid_size = tids.ElementLength();
  // The child runs on a stack of its own, so it needs a return path of its own too: a few instructions here.
  long pid;
  register struct clone_args* a0 __asm__("rdi") = &args;
  register size_t a1 __asm__("rsi") = sizeof(args);
  register void* child_arg __asm__("r12") = &child;
  register int (*child_fn)(void*) __asm__("r13") = StubChild;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r12, %%rdi\n\t"
      "call *%%r13\n\t"
      "ud2\n"
      "1:"
      : "=a"(pid)
      : "a"(SYS_clone3), "r"(a0), "r"(a1), "r"(child_arg), "r"(child_fn)
      : "rcx", "r11", "memory");
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  munmap(stack, kStack);
  if (pid > 0 && child.error) {
    syscall(SYS_wait4, pid, nullptr, __WALL, nullptr);
    return Napi::Number::New(info.Env(), -child.error);
  }
  return Napi::Number::New(info.Env(), static_cast<double>(pid));
}

// cpuid(leaf, subleaf) -> Uint32Array of eax, ebx, ecx, edx (zeros for a leaf that the processor has not)
Napi::Value Cpuid(const Napi::CallbackInfo& info) {
  auto out = Napi::Uint32Array::New(info.Env(), 4);
  uint32_t* r = out.Data();
  __get_cpuid_count(info[0].As<Napi::Number>().Uint32Value(), info[1].As<Napi::Number>().Uint32Value(), r, r + 1, r + 2, r + 3);
  return out;
}

// setV8Flag(text) -> whether it could be asked. v8::V8::SetFlagsFromString(const char*), looked up by its name so that
// the addon stays one of N-API and loads in any Node.
Napi::Value SetV8Flag(const Napi::CallbackInfo& info) {
  auto set = reinterpret_cast<void (*)(const char*)>(dlsym(RTLD_DEFAULT, "_ZN2v82V818SetFlagsFromStringEPKc"));
  if (set) set(info[0].As<Napi::String>().Utf8Value().c_str());
  return Napi::Boolean::New(info.Env(), set != nullptr);
}

volatile int32_t* caught;

void OnCaught(int signal) { __atomic_store_n(caught, signal, __ATOMIC_SEQ_CST); }

// catchSignal(signal, Int32Array): the signal puts its number into the array's first word instead of ending crit, once:
// the next one ends it. catchSignal(signal, null): the default again. sigaction(2). The engines are synchronous, an
// event of libuv's would come too late. The array is never freed: a handler may be running.
Napi::Value CatchSignal(const Napi::CallbackInfo& info) {
  struct sigaction action = {};
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART | SA_RESETHAND;
  action.sa_handler = SIG_DFL;
  if (info[1].IsTypedArray()) {
    (new Napi::ObjectReference(Napi::Persistent(info[1].As<Napi::Object>())))->SuppressDestruct();
    caught = reinterpret_cast<volatile int32_t*>(Word(info[1]));
    action.sa_handler = OnCaught;
  }
  return Napi::Number::New(info.Env(), sigaction(info[0].As<Napi::Number>().Int32Value(), &action, nullptr) < 0 ? -errno : 0);
}

int32_t* arrivals;

// Word 0 counts all, word N signal N, word 64 + N those of them that the kernel sent (a terminal, mostly).
void OnArrival(int signal, siginfo_t* info, void*) {
  int saved = errno;
  __atomic_add_fetch(&arrivals[signal], 1, __ATOMIC_SEQ_CST);
  if (info->si_code == SI_KERNEL) __atomic_add_fetch(&arrivals[64 + signal], 1, __ATOMIC_SEQ_CST);
  __atomic_add_fetch(&arrivals[0], 1, __ATOMIC_SEQ_CST);
  syscall(SYS_futex, &arrivals[0], FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
  errno = saved;
}

// countSignal(signal, Int32Array of 129 words): from now on its arrivals are counted, and waited for with futex(2) on the
// first word. sigaction(2). Any thread may take a signal: this wakes the one that waits. The array is never freed.
Napi::Value CountSignal(const Napi::CallbackInfo& info) {
  (new Napi::ObjectReference(Napi::Persistent(info[1].As<Napi::Object>())))->SuppressDestruct();
  arrivals = reinterpret_cast<int32_t*>(Word(info[1]));
  struct sigaction action = {};
  sigfillset(&action.sa_mask);
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  action.sa_sigaction = OnArrival;
  return Napi::Number::New(info.Env(), sigaction(info[0].As<Napi::Number>().Int32Value(), &action, nullptr) < 0 ? -errno : 0);
}

// callAs(pid, uid, gid, groups: Uint32Array, nr, ...up to 4 arguments) -> the result or -errno. A system call made by a
// process with this number (call-as.c).
Napi::Value CallAs(const Napi::CallbackInfo& info) {
  auto groups = info[3].As<Napi::Uint32Array>();
  uint64_t arg[4] = {};
  for (size_t i = 5; i < info.Length() && i < 9; i++) arg[i - 5] = Word(info[i]);
  return Napi::Number::New(info.Env(), crit_call_as(Word(info[0]), Word(info[1]), Word(info[2]), groups.Data(),
                                                    groups.ElementLength(), Word(info[4]), arg));
}

// endAs(status) -> the number of a zombie, or -errno. A child that ends so (end-as.c); the caller waits for it.
Napi::Value EndAs(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), crit_end_as(Word(info[0])));
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("syscall", Napi::Function::New<Syscall>(env));
  exports.Set("twoSyscalls", Napi::Function::New<TwoSyscalls>(env));
  exports.Set("addressOf", Napi::Function::New<AddressOf>(env));
  exports.Set("mapShared", Napi::Function::New<MapShared>(env));
  exports.Set("holdDeathWord", Napi::Function::New<HoldDeathWord>(env));
  exports.Set("dropDeathWord", Napi::Function::New<DropDeathWord>(env));
  exports.Set("ringSubmit", Napi::Function::New<RingSubmit>(env));
  exports.Set("ringWait", Napi::Function::New<RingWait>(env));
  exports.Set("runOps", Napi::Function::New<RunOps>(env));
  exports.Set("runOpsApart", Napi::Function::New<RunOpsApart>(env));
  exports.Set("setV8Flag", Napi::Function::New<SetV8Flag>(env));
  exports.Set("catchSignal", Napi::Function::New<CatchSignal>(env));
  exports.Set("cpuid", Napi::Function::New<Cpuid>(env));
  exports.Set("spawnStub", Napi::Function::New<SpawnStub>(env));
  exports.Set("countSignal", Napi::Function::New<CountSignal>(env));
  exports.Set("callAs", Napi::Function::New<CallAs>(env));
  exports.Set("endAs", Napi::Function::New<EndAs>(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(crit, Init)
