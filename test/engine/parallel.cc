// Jobs that fail in some of their pieces, one after another, with jobs between them that succeed.
#include "../../lib/engine/kernels/parallel.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <stdexcept>

namespace {

void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", what);
  std::exit(1);
}

template <class Error, class Work>
bool throws(const lab::Pieces& pieces, const Work& work) {
  try {
    lab::parallel(pieces, work);
  } catch (const Error&) {
    return true;
  }
  return false;
}

}  // namespace

int main() {
  const lab::Pieces pieces(1000, 1), single(1, 1);
  expect(pieces.number > 1 && single.number == 1, "one job is cut, the other is not");
  const auto outOfMemory = [](int64_t, int64_t, int64_t) { throw std::bad_alloc(); };
  for (int round = 0; round < 200; ++round) {
    expect(throws<std::bad_alloc>(pieces, outOfMemory), "what every piece throws arrives");
    expect(throws<std::bad_alloc>(single, outOfMemory), "what a single piece throws arrives");
    const auto last = [&](int64_t piece, int64_t, int64_t) {
      if (piece == pieces.number - 1) throw std::runtime_error("the last");
    };
    expect(throws<std::runtime_error>(pieces, last), "what one piece throws arrives");
    expect(throws<int>(pieces, [](int64_t, int64_t, int64_t) { throw 1; }), "so does what is no exception");
    std::atomic<int64_t> done{0};
    lab::parallel(pieces, [&](int64_t, int64_t begin, int64_t end) { done += end - begin; });
    expect(done == 1000, "the next job is done whole");
  }
  std::puts("ok");
}
