// Softmax over the last axis, and cross-entropy against it.
#include <numeric>

#include "kernel.h"
#include "rows.h"

namespace lab {
namespace {

struct Powers {
  float greatest, sum;
};

// Softmax without the division by the sum of its powers; all are divided by that of the greatest number. `to` may be `from`.
inline Powers powersOf(const float* from, int64_t width, float* to) {
  const float most = greatest(width, [&](auto v, int64_t i) { return load<decltype(v)>(from + i); });
  const float sum = total(width, [&](auto v, int64_t i) {
    const auto power = exponential(load<decltype(v)>(from + i) - most);
    store(to + i, power);
    return power;
  });
  return {most, sum};
}

// `to` may be `from`.
inline void softmaxOf(const float* from, int64_t width, float* to) {
  const float share = 1 / powersOf(from, width, to).sum;
  forEach(width, [&](auto v, int64_t i) { store(to + i, load<decltype(v)>(to + i) * share); });
}

// What softmax's input gets of `slope`, from the shares that it gave; `to` may be `slope`.
inline void softmaxSlopeOf(const float* share, const float* slope, int64_t width, float* to) {
  const float mean = product(share, slope, width);
  forEach(width, [&](auto v, int64_t i) {
    using V = decltype(v);
    store(to + i, load<V>(share + i) * (load<V>(slope + i) - mean));
  });
}

struct Softmax {
  explicit Softmax(Attributes&) {}

  void compute(Call& call) const {
    const Input x = call.input(0);
    const int64_t width = x.channels();
    float* y = call.output(0, x.shape);
    forRows(x.rows(), width, [&](int64_t row) { softmaxOf(x.data + row * width, width, y + row * width); });
  }
};

struct SoftmaxGrad {
  explicit SoftmaxGrad(Attributes&) {}

  void compute(Call& call) const {
    const Input y = call.input(1), dy = call.input(0, y.size());
    const int64_t width = y.channels();
    float* dx = call.output(0, y.shape);
    forRows(y.rows(), width, [&](int64_t row) {
      softmaxSlopeOf(y.data + row * width, dy.data + row * width, width, dx + row * width);
    });
  }
};

// The sum of -targets * log(softmax(logits)), and its slope in the logits.
struct CrossEntropy {
  explicit CrossEntropy(Attributes&) {}

  void compute(Call& call) const {
    const Input logits = call.input(0), targets = call.input(1, logits.size());
    const int64_t width = logits.channels();
    float *loss = call.output(0, {}), *slope = call.output(1, logits.shape);
    std::vector<double> losses(logits.rows());
    forRows(logits.rows(), width, [&](int64_t row) {
      const float *x = logits.data + row * width, *target = targets.data + row * width;
      float* to = slope + row * width;
      const Powers powers = powersOf(x, width, to);
      const float logarithm = powers.greatest + std::log(powers.sum);
      const float share = total(width, [&](auto v, int64_t i) { return load<decltype(v)>(target + i); }) / powers.sum;
      losses[row] = total(width, [&](auto v, int64_t i) {
        using V = decltype(v);
        const V wanted = load<V>(target + i);
        store(to + i, load<V>(to + i) * share - wanted);
        return (logarithm - load<V>(x + i)) * wanted;
      });
    });
    *loss = std::accumulate(losses.begin(), losses.end(), 0.0);
  }
};

const Registration<Softmax> softmax("LabSoftmax", {{"x: float"}, {"y: float"}, {}});
const Registration<SoftmaxGrad> softmaxGrad("LabSoftmaxGrad", {{"dy: float", "y: float"}, {"dx: float"}, {}});
const Registration<CrossEntropy> crossEntropy("LabCrossEntropy",
                                              {{"logits: float", "targets: float"}, {"loss: float", "slope: float"}, {}});

}  // namespace
}  // namespace lab
