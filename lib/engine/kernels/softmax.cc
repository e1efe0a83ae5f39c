// Softmax over the last axis.
#include "kernel.h"
#include "rows.h"
#include "softmax.h"

namespace lab {
namespace {

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

const Registration<Softmax> softmax("LabSoftmax", {{"x: float"}, {"y: float"}, {}});
const Registration<SoftmaxGrad> softmaxGrad("LabSoftmaxGrad", {{"dy: float", "y: float"}, {"dx: float"}, {}});

}  // namespace
}  // namespace lab
