// An optimizer's update of one tensor, as torch.optim computes it. The numbers that change from step to step come in a
// tensor; as attributes they would make a new kernel each.
#include <cmath>

#include "kernel.h"
#include "rows.h"
#include "vector.h"

namespace lab {
namespace {

// settings: learning rate, momentum, weight decay, Nesterov (1 or 0).
struct Sgd {
  explicit Sgd(Attributes&) {}

  void compute(Call& call) const {
    const Input parameter = call.input(0), settings = call.input(3, 4);
    const Input gradient = call.input(1, parameter.size()), velocity = call.input(2, parameter.size());
    const float rate = settings.data[0], momentum = settings.data[1], decay = settings.data[2];
    const bool nesterov = settings.data[3] != 0;
    float* next = call.output(0, parameter.shape);
    float* nextVelocity = call.output(1, parameter.shape);
    parallel(piecesOfRows(parameter.size(), 1), [&](int64_t, int64_t begin, int64_t end) {
      forEach(end - begin, [&](auto v, int64_t offset) {
        using V = decltype(v);
        const int64_t i = begin + offset;
        const V p = load<V>(parameter.data + i);
        const V slope = load<V>(gradient.data + i) + p * decay;
        const V speed = load<V>(velocity.data + i) * momentum + slope;
        store(nextVelocity + i, speed);
        store(next + i, p - (nesterov ? slope + speed * momentum : speed) * rate);
      });
    });
  }
};

// settings: learning rate, beta1, beta2, epsilon, weight decay, decoupled (1 or 0), 1 - beta1^step, 1 - beta2^step.
struct Adam {
  explicit Adam(Attributes&) {}

  void compute(Call& call) const {
    const Input parameter = call.input(0), settings = call.input(4, 8);
    const int64_t size = parameter.size();
    const Input gradient = call.input(1, size), mean = call.input(2, size), square = call.input(3, size);
    const float *s = settings.data, rate = s[0], beta1 = s[1], beta2 = s[2], epsilon = s[3], decay = s[4];
    const bool decoupled = s[5] != 0;
    const float stepSize = rate / s[6], correction = 1 / std::sqrt(s[7]);
    float* next = call.output(0, parameter.shape);
    float* nextMean = call.output(1, parameter.shape);
    float* nextSquare = call.output(2, parameter.shape);
    parallel(piecesOfRows(parameter.size(), 1), [&](int64_t, int64_t begin, int64_t end) {
      forEach(end - begin, [&](auto v, int64_t offset) {
        using V = decltype(v);
        const int64_t i = begin + offset;
        const V p = load<V>(parameter.data + i);
        const V slope = load<V>(gradient.data + i) + (decoupled ? V{} : p * decay);
        const V m = load<V>(mean.data + i) * beta1 + slope * (1 - beta1);
        const V q = load<V>(square.data + i) * beta2 + slope * slope * (1 - beta2);
        const V kept = decoupled ? p * (1 - rate * decay) : p;
        store(nextMean + i, m);
        store(nextSquare + i, q);
        store(next + i, kept - m * stepSize / (squareRoot(q) * correction + epsilon));
      });
    });
  }
};

const Registration<Sgd> sgd("LabSgd", {{"parameter: float", "gradient: float", "velocity: float", "settings: float"},
                                       {"next: float", "next_velocity: float"},
                                       {}});
const Registration<Adam> adam("LabAdam", {{"parameter: float", "gradient: float", "mean: float", "square: float",
                                           "settings: float"},
                                          {"next: float", "next_mean: float", "next_square: float"},
                                          {}});

}  // namespace
}  // namespace lab
