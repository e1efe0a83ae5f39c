// Rows times a matrix: a linear layer, a convolution of single places, and the gradients of their inputs. Bias, residual and
// activation are added while a row's sums are in registers.
#include <memory>
#include <string>

#include "epilogue.h"
#include "kernel.h"
#include "products.h"
#include "rows.h"

namespace lab {
namespace {

// Rows and depth of what is worked on while it stays in a core's caches.
#if defined(__AVX512F__)
constexpr int64_t rowsOfBlock = 4 * rowsAtOnce;
#else
constexpr int64_t rowsOfBlock = 6 * rowsAtOnce;
#endif
constexpr int64_t depthOfBlock = 768;

// A matrix [depth, out], or [out, depth] if `transposed`, cut into panels.
class Weights {
 public:
  Weights(const float* data, int64_t depth, int64_t out, bool transposed)
      : depth_(depth), values_(new float[panelsOf(out) * panelWidth * depth]) {
    const Matrix whole = transposed ? Matrix{data, 1, depth} : Matrix{data, out, 1};
    forRows(panelsOf(out), depth * panelWidth, [&](int64_t i) {
      const int64_t column = i * panelWidth;
      const Matrix part{whole.data + column * whole.columnStride, whole.rowStride, whole.columnStride};
      packPanel(part, depth, std::min<int64_t>(panelWidth, out - column), &values_[column * depth]);
    });
  }

  const float* panel(int64_t column, int64_t row) const { return &values_[column * depth_ + row * panelWidth]; }

 private:
  int64_t depth_;
  std::unique_ptr<float[]> values_;
};

template <class Ending>
struct Product {
  const float* x;
  int64_t depth, out;
  const Weights& weights;
  const Ending& epilogue;
  float* y;

  void compute(int64_t begin, int64_t end) const {
    for (int64_t row = begin; row < end; row += rowsOfBlock) {
      const int64_t rows = std::min(rowsOfBlock, end - row);
      for (int64_t k = 0; k < depth; k += depthOfBlock) {
        const int64_t count = std::min(depthOfBlock, depth - k);
        for (int64_t column = 0; column < out; column += panelWidth) {
          const int64_t columns = std::min<int64_t>(panelWidth, out - column);
          multiplyPanel({x + row * depth + k, depth, 1}, rows, weights.panel(column, k), count, columns,
                        [&](int64_t i, Wide first, Wide second) {
                          const int64_t at = (row + i) * out + column;
                          if (columns == panelWidth) {
                            finish(first, at, column, k, count);
                            finish(second, at + lanes<Wide>, column + lanes<Wide>, k, count);
                          } else {
                            float line[panelWidth];
                            store(line, first);
                            store(line + lanes<Wide>, second);
                            forEach(columns, [&](auto v, int64_t j) {
                              finish(load<decltype(v)>(line + j), at + j, column + j, k, count);
                            });
                          }
                        });
        }
      }
    }
  }

 private:
  template <class V>
  void finish(V sum, int64_t at, int64_t column, int64_t k, int64_t count) const {
    if (k > 0) sum += load<V>(y + at);
    store(y + at, k + count == depth ? epilogue.apply(sum, at, column) : sum);
  }
};

struct Linear {
  bool transposed;
  EpilogueOptions epilogueOptions;

  explicit Linear(Attributes& attributes)
      : transposed(attributes.integer("transposed", 0) > 0), epilogueOptions(attributes) {}

  void compute(Call& call) const {
    const Input x = call.input(0), weight = call.input(1);
    const int64_t depth = x.channels(), out = transposed ? weight.rows() : weight.channels();
    if (x.shape.empty() || depth < 1 || out < 1 || weight.size() != depth * out ||
        (transposed ? weight.channels() : weight.rows()) != depth) {
      throw std::invalid_argument("the weights are not those of rows of " + std::to_string(depth));
    }
    Shape shape = x.shape;
    shape.back() = out;
    float* y = call.output(0, shape);
    const Weights weights(weight.data, depth, out, transposed);
    epilogueOptions.with(call, 2, shape, [&](auto epilogue) {
      const Product<decltype(epilogue)> product{x.data, depth, out, weights, epilogue, y};
      parallel(Pieces(x.rows(), rowsAtOnce), [&](int64_t, int64_t begin, int64_t end) { product.compute(begin, end); });
    });
  }
};

const Registration<Linear> linear("LabLinear", {{"x: float", "weight: float", "bias: biases * float",
                                                 "residual: residuals * float"},
                                                {"y: float"},
                                                {"transposed: int", "biases: int >= 0", "residuals: int >= 0",
                                                 "activation: string"}});

}  // namespace
}  // namespace lab
