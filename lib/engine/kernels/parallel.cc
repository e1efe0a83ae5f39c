#include "parallel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace lab {
namespace {

using Work = std::function<void(int64_t, int64_t, int64_t)>;

// What a thread waits for mostly comes before it would have fallen asleep and been woken. Lets others run meanwhile.
template <class Condition>
void waitAwake(const Condition& isMet) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(100);
  while (!isMet() && std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

// Threads that wait for work as long as the process lives. One job runs at a time. A thread that wakes too late to find
// a piece is not waited for.
class Pool {
 public:
  Pool() {
    try {
      for (int helper = 1; helper < threadCount(); ++helper) std::thread(&Pool::serve, this).detach();
    } catch (const std::system_error&) {
      // Where the system gives no more threads, those there are do the work.
    }
  }

  void run(const Pieces& pieces, const Work& work) {
    std::lock_guard<std::mutex> oneJob(job_);
    {
      std::lock_guard<std::mutex> lock(mutex_);
      work_ = &work;
      pieces_ = &pieces;
      next_ = 0;
      open_ = true;
      ++generation_;
    }
    wake_.notify_all();
    takePieces();
    const auto isDone = [this] { return busy_ == 0; };
    waitAwake(isDone);
    std::unique_lock<std::mutex> lock(mutex_);
    open_ = false;
    done_.wait(lock, isDone);
    if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
  }

 private:
  void serve() {
    uint64_t seen = 0;
    const auto isNew = [&] { return open_ && generation_ != seen; };
    for (;;) {
      waitAwake(isNew);
      {
        std::unique_lock<std::mutex> lock(mutex_);
        wake_.wait(lock, isNew);
        seen = generation_;
        ++busy_;
      }
      takePieces();
      std::lock_guard<std::mutex> lock(mutex_);
      if (--busy_ == 0) done_.notify_one();
    }
  }

  // After an exception no more pieces are begun; `run` throws the first one.
  void takePieces() {
    try {
      for (;;) {
        const int64_t piece = next_.fetch_add(1);
        if (piece >= pieces_->number) return;
        const int64_t begin = piece * pieces_->length;
        (*work_)(piece, begin, std::min(begin + pieces_->length, pieces_->count));
      }
    } catch (...) {
      next_ = pieces_->number;
      std::lock_guard<std::mutex> lock(mutex_);
      if (!error_) error_ = std::current_exception();
    }
  }

  std::mutex job_, mutex_;
  std::condition_variable wake_, done_;
  const Work* work_ = nullptr;
  const Pieces* pieces_ = nullptr;
  std::atomic<int64_t> next_{0};
  std::exception_ptr error_;
  // Written under the lock alone.
  std::atomic<bool> open_{false};
  std::atomic<int> busy_{0};
  std::atomic<uint64_t> generation_{0};
};

// Never destroyed: its threads wait in it until the process ends.
Pool& pool() {
  static Pool* instance = new Pool;
  return *instance;
}

}  // namespace

int threadCount() {
  static const int count = [] {
    const char* wish = std::getenv("TF_NUM_INTRAOP_THREADS");
    const int wished = wish ? std::atoi(wish) : 0;
    return wished > 0 ? wished : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  }();
  return count;
}

Pieces::Pieces(int64_t count, int64_t grain) : count(count) {
  constexpr int64_t piecesPerThread = 8;
  const int64_t most = threadCount() * piecesPerThread;
  length = std::max({grain, (count + most - 1) / most, int64_t{1}});
  number = (count + length - 1) / length;
}

void parallel(const Pieces& pieces, const Work& work) {
  if (pieces.number == 1) {
    work(0, 0, pieces.count);
  } else if (pieces.number > 1) {
    pool().run(pieces, work);
  }
}

}  // namespace lab
