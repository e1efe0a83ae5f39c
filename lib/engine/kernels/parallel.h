// Work shared among threads.
#pragma once

#include <cstdint>
#include <functional>

namespace lab {

// How many threads there are, the calling one included: TF_NUM_INTRAOP_THREADS, else one for each processor.
int threadCount();

// How the work of `count` items is cut: pieces of equal length (but for the last), the same at every call.
struct Pieces {
  int64_t count, length, number;

  // No piece is shorter than `grain`.
  Pieces(int64_t count, int64_t grain);
};

// Calls `work(piece, begin, end)` for every piece, in several threads; returns when all is done, or throws what `work` has
// thrown first. What sums up over pieces one by one, in their order, is the same at every call.
void parallel(const Pieces& pieces, const std::function<void(int64_t piece, int64_t begin, int64_t end)>& work);

}  // namespace lab
