// Products of bfloat16 in the tile registers of x86-64 (AMX), summed in float32.
//
// A tile of the left factor is 16 rows of 32 numbers. One of the right factor is 32 rows of 16 numbers, of which two rows at a
// time are interleaved. A panel is 32 columns of the right factor: of every 32 rows two tiles, one after another.
#pragma once

#if defined(__AMX_BF16__) && defined(__AVX512BF16__) && defined(__AVX512BW__) && defined(__linux__)
#define LAB_TILES 1

#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <new>
#include <stdexcept>

#include "bfloat16.h"

namespace lab {

constexpr int64_t tileWidth = 16;
constexpr int64_t tileDepth = 32;
constexpr int64_t tileSize = tileWidth * tileDepth;

// Rows and columns that `TileSums` works on at once.
constexpr int64_t tilesWidth = 32;

// Memory on cache lines, which a row of a tile fills.
class Halves {
 public:
  void resize(int64_t count) {
    if (count <= count_) return;
    values_.reset(static_cast<Bfloat16*>(::operator new(count * sizeof(Bfloat16), std::align_val_t(64))));
    count_ = count;
  }
  Bfloat16* data() const { return values_.get(); }

 private:
  struct Release {
    void operator()(Bfloat16* values) const { ::operator delete(values, std::align_val_t(64)); }
  };

  int64_t count_ = 0;
  std::unique_ptr<Bfloat16, Release> values_;
};

// A thread's tile registers, in use as long as this lives: sums of 32 rows by 32 columns.
class TileSums {
 public:
  TileSums() {
    constexpr int request = 0x1023, tileData = 18;
    static const bool isAllowed = syscall(SYS_arch_prctl, request, tileData) == 0;
    if (!isAllowed) throw std::runtime_error("the system keeps the processor's tiles from this process");
    struct alignas(64) {
      uint8_t palette = 1, startRow = 0, reserved[14] = {};
      uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } const configuration;
    asm volatile("" ::"m"(configuration) : "memory");
    _tile_loadconfig(&configuration);
  }
  TileSums(const TileSums&) = delete;
  ~TileSums() { _tile_release(); }

  void clear() {
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    // What the tiles are loaded from is in memory from here on; compilers do not know that they read it.
    asm volatile("" ::: "memory");
  }

  // Adds the product of 32 rows, which are `stride` apart, and a panel of so many rows, a multiple of 32. Calls `between()`
  // after every 32 of them.
  template <class Between>
  void add(const Bfloat16* left, int64_t stride, const Bfloat16* panel, int64_t depth, const Between& between) {
    const int64_t bytes = stride * sizeof(Bfloat16);
    const Bfloat16* lower = left + tileWidth * stride;
    for (int64_t k = 0; k < depth; k += tileDepth, panel += 2 * tileSize) {
      _tile_loadd(4, left + k, bytes);
      _tile_loadd(6, panel, 64);
      _tile_loadd(7, panel + tileSize, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(5, lower + k, bytes);
      _tile_dpbf16ps(1, 4, 7);
      _tile_dpbf16ps(2, 5, 6);
      _tile_dpbf16ps(3, 5, 7);
      between();
    }
  }
  void add(const Bfloat16* left, int64_t stride, const Bfloat16* panel, int64_t depth) {
    add(left, stride, panel, depth, [] {});
  }

  // Row after row, which are `stride` apart.
  void read(float* sums, int64_t stride = tilesWidth) const {
    const int64_t bytes = stride * sizeof(float);
    _tile_stored(0, sums, bytes);
    _tile_stored(1, sums + tileWidth, bytes);
    _tile_stored(2, sums + tileWidth * stride, bytes);
    _tile_stored(3, sums + tileWidth * stride + tileWidth, bytes);
    asm volatile("" ::: "memory");
  }
};

// Blocks of 32 rows by 32 columns one after another: what is done with the sums of a block, a call of
// `finish(block, row, sums)` for each of its rows, is done while the tiles work on the next one.
template <class Block, class Finish>
class TileBlocks {
 public:
  explicit TileBlocks(const Finish& finish) : finish_(finish) {}

  // `add(tiles, between)` adds up a block in so many steps, and calls `between()` after each.
  template <class Add>
  void next(const Block& block, int64_t steps, const Add& add) {
    const int64_t rows = (tilesWidth + steps - 1) / steps;
    tiles_.clear();
    add(tiles_, [&] { finishRows(rows); });
    flush();
    current_ = 1 - current_;
    tiles_.read(sums_[current_]);
    block_ = block;
    row_ = 0;
  }

  // Finishes the last block.
  void flush() { finishRows(tilesWidth); }

 private:
  void finishRows(int64_t count) {
    const int64_t end = std::min(tilesWidth, row_ + count);
    for (; row_ < end; ++row_) finish_(block_, row_, sums_[current_] + row_ * tilesWidth);
  }

  const Finish& finish_;
  TileSums tiles_;
  Block block_{};
  int64_t row_ = tilesWidth;
  int current_ = 0;
  alignas(64) float sums_[2][tilesWidth * tilesWidth];
};

// So many of 16 numbers, from the first on.
inline __mmask16 firstOf(int64_t count) { return static_cast<__mmask16>((1u << std::clamp<int64_t>(count, 0, tileWidth)) - 1); }

// 16 numbers as float32, or `count` and zeros.
inline __m512 floats(const float* from, int64_t count) { return _mm512_maskz_loadu_ps(firstOf(count), from); }
inline __m512 floats(const Bfloat16* from, int64_t count) {
  return (__m512)_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(firstOf(count), from)), 16);
}

// 32 numbers as bfloat16, or `count` and zeros.
inline __m512i halves(const Bfloat16* from, int64_t count = tilesWidth) {
  if (count >= tilesWidth) return _mm512_loadu_si512(from);
  return _mm512_maskz_loadu_epi16((1u << count) - 1, from);
}
inline __m512i halves(const float* from, int64_t count = tilesWidth) {
  return (__m512i)_mm512_cvtne2ps_pbh(floats(from + tileWidth, count - tileWidth), floats(from, count));
}

// Lays a row of numbers, each times its factor if there are any, as one whose length is a multiple of 32.
template <class Number>
inline void layRow(const Number* from, const float* factors, int64_t count, int64_t length, Bfloat16* to) {
  for (int64_t c = 0; c < length; c += tilesWidth) {
    const auto scaled = [&](int64_t first) {
      return _mm512_mul_ps(floats(from + first, count - first), floats(factors + first, count - first));
    };
    const __m512i numbers = factors ? (__m512i)_mm512_cvtne2ps_pbh(scaled(c + tileWidth), scaled(c)) : halves(from + c, count - c);
    _mm512_store_si512(to + c, numbers);
  }
}

// 16 pairs of numbers of two rows, and 16 more.
struct Pairs {
  __m512i low, high;
};

inline Pairs interleaved(__m512i even, __m512i odd) {
  const __m512i low = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6, 37, 5,
                                       36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i high = _mm512_add_epi16(low, _mm512_set1_epi16(16));
  return {_mm512_permutex2var_epi16(even, low, odd), _mm512_permutex2var_epi16(even, high, odd)};
}

// Where in a panel the first of two rows is laid, in the first of their two tiles.
constexpr int64_t placeInPanel(int64_t row) { return row / tileDepth * 2 * tileSize + row % tileDepth * tileWidth; }

// Lays two rows of a panel at the place of the first.
inline void layRows(__m512i even, __m512i odd, Bfloat16* to) {
  const Pairs pairs = interleaved(even, odd);
  _mm512_store_si512(to, pairs.low);
  _mm512_store_si512(to + tileSize, pairs.high);
}

// Lays 32 rows of numbers, which are `stride` apart, or so many and zeros, as those of a panel.
inline void layPanel(const Bfloat16* from, int64_t stride, int64_t columns, int64_t depth, Bfloat16* to) {
  for (int64_t k = 0; k < tileDepth; k += 2, from += 2 * stride, to += 2 * tileWidth) {
    const __m512i even = k < depth ? halves(from, columns) : __m512i{};
    const __m512i odd = k + 1 < depth ? halves(from + stride, columns) : __m512i{};
    layRows(even, odd, to);
  }
}

// Turns rows of 16 pairs into columns.
inline void transposePairs(__m512i (&rows)[16]) {
  __m512i pairs[16];
  for (int i = 0; i < 16; i += 2) {
    pairs[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    pairs[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  __m512i fours[16];
  for (int i = 0; i < 16; i += 4) {
    fours[i] = _mm512_unpacklo_epi64(pairs[i], pairs[i + 2]);
    fours[i + 1] = _mm512_unpackhi_epi64(pairs[i], pairs[i + 2]);
    fours[i + 2] = _mm512_unpacklo_epi64(pairs[i + 1], pairs[i + 3]);
    fours[i + 3] = _mm512_unpackhi_epi64(pairs[i + 1], pairs[i + 3]);
  }
  for (int i = 0; i < 4; ++i) {
    const __m512i evenTop = _mm512_shuffle_i32x4(fours[i], fours[4 + i], 0x88);
    const __m512i evenBottom = _mm512_shuffle_i32x4(fours[8 + i], fours[12 + i], 0x88);
    const __m512i oddTop = _mm512_shuffle_i32x4(fours[i], fours[4 + i], 0xdd);
    const __m512i oddBottom = _mm512_shuffle_i32x4(fours[8 + i], fours[12 + i], 0xdd);
    rows[i] = _mm512_shuffle_i32x4(evenTop, evenBottom, 0x88);
    rows[4 + i] = _mm512_shuffle_i32x4(oddTop, oddBottom, 0x88);
    rows[8 + i] = _mm512_shuffle_i32x4(evenTop, evenBottom, 0xdd);
    rows[12 + i] = _mm512_shuffle_i32x4(oddTop, oddBottom, 0xdd);
  }
}

// Lays 32 columns of numbers, which are `stride` apart, or so many and zeros, as the columns of a panel's 32 rows.
inline void turnPanel(const Bfloat16* from, int64_t stride, int64_t columns, int64_t depth, Bfloat16* to) {
  for (int64_t first = 0; first < tilesWidth; first += tileWidth) {
    __m512i rows[tileWidth];
    for (int64_t i = 0; i < tileWidth; ++i) {
      rows[i] = first + i < columns ? halves(from + (first + i) * stride, depth) : __m512i{};
    }
    transposePairs(rows);
    for (int64_t i = 0; i < tileWidth; ++i, to += tileDepth) _mm512_store_si512(to, rows[i]);
  }
}

// Turns 32 rows of 32 numbers: calls `column(i, numbers)` with what `row(i)` gives.
template <class Row, class Column>
inline void turnRows(const Row& row, const Column& column) {
  __m512i low[tileWidth], high[tileWidth];
  for (int64_t i = 0; i < tileWidth; ++i) {
    const Pairs pairs = interleaved(row(2 * i), row(2 * i + 1));
    low[i] = pairs.low, high[i] = pairs.high;
  }
  transposePairs(low);
  transposePairs(high);
  for (int64_t i = 0; i < tileWidth; ++i) {
    column(i, low[i]);
    column(tileWidth + i, high[i]);
  }
}

}  // namespace lab

#endif
