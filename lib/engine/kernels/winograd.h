// Minimal filtering F(4x4, 3x3) (Winograd 1980; Lavin and Gray 2016, arXiv:1509.09308): an image is cut into tiles of 6x6
// places, two of which neighbours share; tiles and filter are transformed, multiplied place by place, and the products are
// transformed into 4x4 places of the output, with a quarter of the multiplications of the definition.
//
// The maps along one axis follow from the points 0, a, -a, b, -b and infinity. These here lose half as much of a number's
// precision as the usual 1 and 2.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "products.h"
#include "rows.h"
#include "vector.h"

namespace lab {
namespace winograd {

constexpr int filterSide = 3;
constexpr int outSide = 4;
constexpr int tileSide = outSide + filterSide - 1;
constexpr int taps = filterSide * filterSide;
constexpr int places = tileSide * tileSide;

constexpr float a = 0.75f, b = 1.5f;
constexpr float a2 = a * a, b2 = b * b;
constexpr float shareOf0 = 1 / (a2 * b2), shareOfA = 1 / (2 * a2 * (a2 - b2)), shareOfB = 1 / (2 * b2 * (b2 - a2));

// The values at a, -a, b and -b, by what is even and what is odd in these.
template <class V>
inline void atPoints(V* y, V evenA, V oddA, V evenB, V oddB) {
  y[1] = evenA + oddA;
  y[2] = evenA - oddA;
  y[3] = evenB + oddB;
  y[4] = evenB - oddB;
}

// Each map takes `from` values to `to` values.
struct OfImage {
  static constexpr int from = tileSide, to = tileSide;
  template <class V>
  static void apply(const V* x, V* y) {
    const V x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3], x4 = x[4], x5 = x[5];
    const V evenA = x4 - b2 * x2, oddA = a * (x3 - b2 * x1);
    const V evenB = x4 - a2 * x2, oddB = b * (x3 - a2 * x1);
    y[0] = a2 * b2 * x0 - (a2 + b2) * x2 + x4;
    atPoints(y, evenA, oddA, evenB, oddB);
    y[5] = a2 * b2 * x1 - (a2 + b2) * x3 + x5;
  }
};

struct OfFilter {
  static constexpr int from = filterSide, to = tileSide;
  template <class V>
  static void apply(const V* x, V* y) {
    const V x0 = x[0], x1 = x[1], x2 = x[2];
    const V evenA = shareOfA * (x0 + a2 * x2), oddA = shareOfA * a * x1;
    const V evenB = shareOfB * (x0 + b2 * x2), oddB = shareOfB * b * x1;
    y[0] = shareOf0 * x0;
    atPoints(y, evenA, oddA, evenB, oddB);
    y[5] = x2;
  }
};

struct ToOutput {
  static constexpr int from = tileSide, to = outSide;
  template <class V>
  static void apply(const V* x, V* y) {
    const V sumA = x[1] + x[2], differenceA = a * (x[1] - x[2]);
    const V sumB = x[3] + x[4], differenceB = b * (x[3] - x[4]);
    const V x0 = x[0], x5 = x[5];
    y[0] = x0 + sumA + sumB;
    y[1] = differenceA + differenceB;
    y[2] = a2 * sumA + b2 * sumB;
    y[3] = a2 * differenceA + b2 * differenceB + x5;
  }
};

// ToOutput and OfFilter transposed, for the gradient of the filter.
struct OfSlope {
  static constexpr int from = outSide, to = tileSide;
  template <class V>
  static void apply(const V* x, V* y) {
    const V x0 = x[0], x1 = x[1], x2 = x[2], x3 = x[3];
    const V evenA = x0 + a2 * x2, oddA = a * (x1 + a2 * x3);
    const V evenB = x0 + b2 * x2, oddB = b * (x1 + b2 * x3);
    y[0] = x0;
    atPoints(y, evenA, oddA, evenB, oddB);
    y[5] = x3;
  }
};

struct ToFilter {
  static constexpr int from = tileSide, to = filterSide;
  template <class V>
  static void apply(const V* x, V* y) {
    const V sumA = shareOfA * (x[1] + x[2]), differenceA = shareOfA * a * (x[1] - x[2]);
    const V sumB = shareOfB * (x[3] + x[4]), differenceB = shareOfB * b * (x[3] - x[4]);
    const V x0 = x[0], x5 = x[5];
    y[0] = shareOf0 * x0 + sumA + sumB;
    y[1] = differenceA + differenceB;
    y[2] = a2 * sumA + b2 * sumB + x5;
  }
};

// A map along both axes: from `Map::from` rows of as many values to `Map::to` rows of as many.
template <class Map, class V>
inline void transform(const V* x, V* y) {
  constexpr int from = Map::from, to = Map::to;
  V lines[from * to], line[from], mapped[to];
  for (int column = 0; column < from; ++column) {
    for (int i = 0; i < from; ++i) line[i] = x[i * from + column];
    Map::apply(line, mapped);
    for (int i = 0; i < to; ++i) lines[i * from + column] = mapped[i];
  }
  for (int row = 0; row < to; ++row) Map::apply(lines + row * from, y + row * to);
}

// Some channels of pictures, of which every place holds `all`.
struct Picture {
  const float* data;
  int64_t height, width, all, channels;
};

// How the tiles' outputs cover the output of a batch.
struct Grid {
  int64_t batch, down, across;

  Grid(int64_t batch, int64_t outHeight, int64_t outWidth)
      : batch(batch), down((outHeight + outSide - 1) / outSide), across((outWidth + outSide - 1) / outSide) {}

  int64_t tiles() const { return batch * down * across; }
};

// The photo of a tile, and where in the output it begins.
struct Tile {
  int64_t photo, y, x;

  Tile(const Grid& grid, int64_t index)
      : photo(index / (grid.down * grid.across)), y(index / grid.across % grid.down * outSide),
        x(index % grid.across * outSide) {}
};

enum class Layout { rows, panels };

// Some tiles of a batch, transformed by `Map`. Of a place either every tile is a row of all channels, or channels are in
// panels, in each of which a tile is a row.
template <class Map, Layout layout>
class Tiles {
 public:
  // The first tile begins `top` and `left` of the picture's first place. At most `most` tiles are kept.
  Tiles(const Picture& picture, const Grid& grid, int64_t top, int64_t left, int64_t most)
      : picture_(picture), grid_(grid), top_(top), left_(left), most_(most), zeros_(picture.channels) {
    const int64_t width = layout == Layout::rows ? picture.channels : panelsOf(picture.channels) * panelWidth;
    // Where places lie a power of two apart, they push one another out of the cache.
    distance_ = most * width + panelWidth;
    values_.reset(width == picture.channels ? new float[places * distance_] : new float[places * distance_]());
  }

  void fill(int64_t first, int64_t number) {
    parallel(piecesOfRows(number, places * picture_.channels), [&](int64_t, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) fillTile(Tile(grid_, first + i), i);
    });
  }

  const float* row(int place, int64_t tile) const {
    static_assert(layout == Layout::rows);
    return values_.get() + place * distance_ + tile * picture_.channels;
  }

  const float* panel(int place, int64_t panel) const {
    static_assert(layout == Layout::panels);
    return values_.get() + place * distance_ + panel * most_ * panelWidth;
  }

 private:
  void fillTile(const Tile& tile, int64_t index) {
    constexpr int side = Map::from;
    const float* from[side * side];
    for (int64_t i = 0; i < side * side; ++i) {
      const int64_t y = tile.y - top_ + i / side, x = tile.x - left_ + i % side;
      const bool isInside = y >= 0 && y < picture_.height && x >= 0 && x < picture_.width;
      from[i] = isInside ? picture_.data + ((tile.photo * picture_.height + y) * picture_.width + x) * picture_.all
                         : zeros_.data();
    }
    forEach(picture_.channels, [&](auto v, int64_t c) {
      using V = decltype(v);
      V given[side * side], all[places];
      for (int i = 0; i < side * side; ++i) given[i] = load<V>(from[i] + c);
      transform<Map>(given, all);
      float* to = values_.get() + (layout == Layout::rows ? index * picture_.channels + c
                                                          : (c / panelWidth * most_ + index) * panelWidth + c % panelWidth);
      for (int i = 0; i < places; ++i) store(to + i * distance_, all[i]);
    });
  }

  Picture picture_;
  Grid grid_;
  int64_t top_, left_, most_, distance_;
  std::unique_ptr<float[]> values_;
  std::vector<float> zeros_;
};

}  // namespace winograd
}  // namespace lab
