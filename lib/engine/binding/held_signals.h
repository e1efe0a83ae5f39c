// Keeps signals from the thread that computes. Some of oneDNN's compiled kernels (small matrix products with few columns)
// lay the stack pointer into a buffer while they run. A signal handler that comes then, such as libuv's for SIGINT or
// SIGCHLD, or that of V8's profiler, writes its frame into the heap in front of that buffer.
#ifndef TF_NODEJS_HELD_SIGNALS_H_
#define TF_NODEJS_HELD_SIGNALS_H_

#include <pthread.h>
#include <signal.h>
#include <initializer_list>

namespace tfnodejs {

// Holds this thread's signals as long as it lives; another thread of the process takes them, or they come afterwards. A
// thread that is begun meanwhile never takes any. Signals of a thread's own faults come as ever.
class HeldSignals {
 public:
  HeldSignals() {
    sigset_t held;
    sigfillset(&held);
    for (int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) sigdelset(&held, fault);
    pthread_sigmask(SIG_BLOCK, &held, &before_);
  }
  ~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t before_;
};

}  // namespace tfnodejs

#endif  // TF_NODEJS_HELD_SIGNALS_H_
