// Small matrix products in the middle of other work, in one thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "vector.h"

namespace lab {

// A matrix in memory: where it begins, and how far apart its rows and its columns are.
struct Matrix {
  const float* data;
  int64_t rowStride, columnStride;

  Matrix transposed() const { return {data, columnStride, rowStride}; }
};

// A matrix as the right factor of products: cut into panels of a few columns, in each of which the rows lie one after
// another. The last panel is filled up with zeros.
class Panels {
 public:
  static constexpr int width = 2 * lanes<Wide>;

  void pack(const Matrix& matrix, int64_t rows, int64_t columns) {
    rows_ = rows, columns_ = columns;
    values_.resize((columns + width - 1) / width * width * rows);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t first = 0; first < columns; first += width) {
        const int64_t count = std::min<int64_t>(width, columns - first);
        const float* from = matrix.data + row * matrix.rowStride + first * matrix.columnStride;
        float* to = values_.data() + first * rows + row * width;
        if (matrix.columnStride == 1 && count == width) {
          std::memcpy(to, from, sizeof(float) * width);
        } else {
          for (int64_t i = 0; i < count; ++i) to[i] = from[i * matrix.columnStride];
          std::fill(to + count, to + width, 0.0f);
        }
      }
    }
  }

  // The panel that begins with this column.
  const float* panel(int64_t column) const { return values_.data() + column * rows_; }

  // target = factor * left * this, where `left` has `rows` rows, and rows of the target are `stride` apart.
  void multiply(const Matrix& left, int64_t rows, float factor, float* target, int64_t stride) const {
    for (int64_t first = 0; first < columns_; first += width) {
      const int64_t count = std::min<int64_t>(width, columns_ - first);
      for (int64_t row = 0; row < rows; row += most) {
        const Matrix part{left.data + row * left.rowStride, left.rowStride, left.columnStride};
        tileOf<most>(std::min<int64_t>(most, rows - row), part, panel(first), factor, target + row * stride + first, stride,
                     count);
      }
    }
  }

 private:
  // Rows of a tile: with two vectors each they leave registers for what they are made from.
  static constexpr int most = 6;

  template <int rows>
  void tileOf(int64_t wanted, const Matrix& left, const float* panel, float factor, float* target, int64_t stride,
              int64_t columns) const {
    if constexpr (rows > 1) {
      if (wanted < rows) return tileOf<rows - 1>(wanted, left, panel, factor, target, stride, columns);
    }
    Wide sums[rows][2] = {};
    for (int64_t k = 0; k < rows_; ++k, panel += width) {
      Wide first = load<Wide>(panel), second = load<Wide>(panel + lanes<Wide>);
      keep(first);
      keep(second);
      for (int i = 0; i < rows; ++i) {
        const float by = left.data[i * left.rowStride + k * left.columnStride];
        sums[i][0] += first * by;
        sums[i][1] += second * by;
      }
    }
    for (int i = 0; i < rows; ++i, target += stride) {
      const Wide pair[2] = {sums[i][0] * factor, sums[i][1] * factor};
      if (columns == width) {
        store(target, pair[0]);
        store(target + lanes<Wide>, pair[1]);
      } else {
        std::memcpy(target, pair, sizeof(float) * columns);
      }
    }
  }

  int64_t rows_ = 0, columns_ = 0;
  std::vector<float> values_;
};

}  // namespace lab
