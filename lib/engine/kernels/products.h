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

// Columns of the right factor that are worked on at once, a panel; in memory its rows lie one after another.
constexpr int panelWidth = 2 * lanes<Wide>;

inline int64_t panelsOf(int64_t columns) { return (columns + panelWidth - 1) / panelWidth; }

// Rows of the left factor that are: their sums leave registers for what they are made from.
#if defined(__AVX512F__)
constexpr int rowsAtOnce = 12;
#else
constexpr int rowsAtOnce = 6;
#endif

// Adds to `sums` the product of `left`, of `rows` rows and `depth` columns, and a panel. The loop over the sums is unrolled:
// these go through memory else.
template <int rows, int vectors>
inline void addProduct(const Matrix& left, const float* panel, int64_t depth, Wide (&sums)[rows][2]) {
  for (int64_t k = 0; k < depth; ++k, panel += panelWidth) {
    Wide first = load<Wide>(panel), second{};
    keep(first);
    if constexpr (vectors > 1) {
      second = load<Wide>(panel + lanes<Wide>);
      keep(second);
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; ++i) {
      const float by = left.data[i * left.rowStride + k * left.columnStride];
      sums[i][0] += first * by;
      if constexpr (vectors > 1) sums[i][1] += second * by;
    }
  }
}

template <int rows, int vectors, class Finish>
inline void multiplyRows(int64_t wanted, const Matrix& left, const float* panel, int64_t depth, const Finish& finish) {
  if constexpr (rows > 1) {
    if (wanted < rows) return multiplyRows<rows - 1, vectors>(wanted, left, panel, depth, finish);
  }
  Wide sums[rows][2] = {};
  addProduct<rows, vectors>(left, panel, depth, sums);
#pragma GCC unroll 12
  for (int i = 0; i < rows; ++i) finish(i, sums[i][0], sums[i][1]);
}

// The product of `left`, of `rows` rows and `depth` columns, and the first `columns` columns of a panel: calls
// `finish(row, first, second)` with every row's two vectors; of columns that are not wanted they hold anything.
template <class Finish>
inline void multiplyPanel(const Matrix& left, int64_t rows, const float* panel, int64_t depth, int64_t columns,
                          const Finish& finish) {
  for (int64_t row = 0; row < rows; row += rowsAtOnce) {
    const Matrix part{left.data + row * left.rowStride, left.rowStride, left.columnStride};
    const auto finishRow = [&](int i, Wide first, Wide second) { finish(row + i, first, second); };
    const int64_t wanted = std::min<int64_t>(rowsAtOnce, rows - row);
    if (columns > lanes<Wide>) {
      multiplyRows<rowsAtOnce, 2>(wanted, part, panel, depth, finishRow);
    } else {
      multiplyRows<rowsAtOnce, 1>(wanted, part, panel, depth, finishRow);
    }
  }
}

// Lays out some columns of a matrix, no more than a panel has, as one.
inline void packPanel(const Matrix& matrix, int64_t rows, int64_t columns, float* to) {
  for (int64_t row = 0; row < rows; ++row, to += panelWidth) {
    const float* from = matrix.data + row * matrix.rowStride;
    if (matrix.columnStride == 1 && columns == panelWidth) {
      std::memcpy(to, from, sizeof(float) * panelWidth);
    } else {
      for (int64_t i = 0; i < columns; ++i) to[i] = from[i * matrix.columnStride];
      std::fill(to + columns, to + panelWidth, 0.0f);
    }
  }
}

// A matrix as the right factor of products: cut into panels, the last of which is filled up with zeros.
class Panels {
 public:
  void pack(const Matrix& matrix, int64_t rows, int64_t columns) {
    rows_ = rows, columns_ = columns;
    values_.resize(panelsOf(columns) * panelWidth * rows);
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t first = 0; first < columns; first += panelWidth) {
        const int64_t count = std::min<int64_t>(panelWidth, columns - first);
        const float* from = matrix.data + row * matrix.rowStride + first * matrix.columnStride;
        float* to = values_.data() + first * rows + row * panelWidth;
        if (matrix.columnStride == 1 && count == panelWidth) {
          std::memcpy(to, from, sizeof(float) * panelWidth);
        } else {
          for (int64_t i = 0; i < count; ++i) to[i] = from[i * matrix.columnStride];
          std::fill(to + count, to + panelWidth, 0.0f);
        }
      }
    }
  }

  // The panel that begins with this column.
  const float* panel(int64_t column) const { return values_.data() + column * rows_; }

  // The product of `left`, of `rows` rows, and this: row i is multiplied by `factor(i)` and stored where `to(i)` says.
  template <class Factor, class Place>
  void multiply(const Matrix& left, int64_t rows, const Factor& factor, const Place& to) const {
    for (int64_t column = 0; column < columns_; column += panelWidth) {
      const int64_t count = std::min<int64_t>(panelWidth, columns_ - column);
      multiplyPanel(left, rows, panel(column), rows_, count, [&](int64_t row, Wide first, Wide second) {
        const Wide pair[2] = {first * factor(row), second * factor(row)};
        if (count == panelWidth) {
          std::memcpy(to(row) + column, pair, sizeof pair);
        } else {
          std::memcpy(to(row) + column, pair, sizeof(float) * count);
        }
      });
    }
  }

 private:
  int64_t rows_ = 0, columns_ = 0;
  std::vector<float> values_;
};

}  // namespace lab
