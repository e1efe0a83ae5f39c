// What kernels over rows of channels share.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "parallel.h"
#include "vector.h"

namespace lab {

// Rows that are worth a thread's while.
inline Pieces piecesOfRows(int64_t rows, int64_t channels) {
  constexpr int64_t elements = 16384;
  return Pieces(rows, std::max<int64_t>(1, elements / std::max<int64_t>(1, channels)));
}

template <class Body>
inline void forRows(int64_t rows, int64_t channels, const Body& body) {
  parallel(piecesOfRows(rows, channels), [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) body(row);
  });
}

// Sums of `width` columns over all rows: `body(row, sums)` adds a row's share. Floats are added up over few rows, the
// rest is done in double precision, always in the same order.
template <class Body>
inline std::vector<double> columnSums(int64_t rows, int64_t width, const Body& body) {
  constexpr int64_t few = 64;
  const Pieces pieces = piecesOfRows(rows, width);
  std::vector<double> sums(pieces.number * width);
  parallel(pieces, [&](int64_t piece, int64_t begin, int64_t end) {
    std::vector<float> part(width);
    double* total = &sums[piece * width];
    for (int64_t row = begin; row < end;) {
      std::fill(part.begin(), part.end(), 0.0f);
      for (const int64_t stop = std::min(row + few, end); row < stop; ++row) body(row, part.data());
      for (int64_t i = 0; i < width; ++i) total[i] += part[i];
    }
  });
  for (int64_t piece = 1; piece < pieces.number; ++piece) {
    for (int64_t i = 0; i < width; ++i) sums[i] += sums[piece * width + i];
  }
  sums.resize(width);
  return sums;
}

// Adds up what pieces of work find each by itself, always in the same order. `body(sums, begin, end)` writes all sums of a
// piece, of which there is one at least.
template <class Body>
inline void sumOfPieces(const Pieces& pieces, int64_t size, float* to, const Body& body) {
  std::vector<float> others((pieces.number - 1) * size);
  parallel(pieces, [&](int64_t piece, int64_t begin, int64_t end) {
    body(piece == 0 ? to : &others[(piece - 1) * size], begin, end);
  });
  parallel(piecesOfRows(size, 1), [&](int64_t, int64_t begin, int64_t end) {
    for (int64_t piece = 1; piece < pieces.number; ++piece) {
      const float* from = &others[(piece - 1) * size + begin];
      forEach(end - begin, [&](auto v, int64_t i) {
        using V = decltype(v);
        store(to + begin + i, load<V>(to + begin + i) + load<V>(from + i));
      });
    }
  });
}

}  // namespace lab
