// An optimizer's update of all tensors, as torch.optim computes it. The numbers that change from step to step come in
// tensors; as attributes they would make a new kernel each.
#include <cmath>

#include "kernel.h"
#include "rows.h"
#include "vector.h"

namespace lab {
namespace {

// Calls `body(rate, inputs, outputs, size)` for every tensor. The call's inputs are settings, rates, all parameters, all
// gradients and then the states, list by list; its outputs all parameters and the states.
template <int states, class Body>
void forTensors(Call& call, const Body& body) {
  const Input rates = call.input(1);
  const int count = static_cast<int>(rates.size());
  if (call.inputs() != 2 + (2 + states) * count) {
    throw std::invalid_argument(std::to_string(count) + " rates for " + std::to_string(call.inputs() - 2) +
                                " tensors of parameters, gradients and states");
  }
  for (int i = 0; i < count; ++i) {
    const Input parameter = call.input(2 + i);
    const float* inputs[2 + states] = {parameter.data};
    float* outputs[1 + states];
    for (int list = 1; list < 2 + states; ++list) {
      inputs[list] = call.input(2 + list * count + i, parameter.size()).data;
    }
    for (int list = 0; list < 1 + states; ++list) outputs[list] = call.output(list * count + i, parameter.shape);
    parallel(piecesOfRows(parameter.size(), 1), [&](int64_t, int64_t begin, int64_t end) {
      forEach(end - begin, [&](auto v, int64_t offset) { body(v, rates.data[i], inputs, outputs, begin + offset); });
    });
  }
}

// settings: momentum, weight decay, Nesterov (1 or 0), factor of the gradients.
struct Sgd {
  explicit Sgd(Attributes&) {}

  void compute(Call& call) const {
    const float* s = call.input(0, 4).data;
    const float momentum = s[0], decay = s[1], scale = s[3];
    const bool nesterov = s[2] != 0;
    forTensors<1>(call, [&](auto v, float rate, const float* const* from, float* const* to, int64_t i) {
      using V = decltype(v);
      const V p = load<V>(from[0] + i);
      const V slope = load<V>(from[1] + i) * scale + p * decay;
      const V speed = load<V>(from[2] + i) * momentum + slope;
      store(to[0] + i, p - (nesterov ? slope + speed * momentum : speed) * rate);
      store(to[1] + i, speed);
    });
  }
};

// settings: beta1, beta2, epsilon, weight decay, decoupled (1 or 0), 1 - beta1^step, 1 - beta2^step, factor of the
// gradients.
struct Adam {
  explicit Adam(Attributes&) {}

  void compute(Call& call) const {
    const float* s = call.input(0, 8).data;
    const float beta1 = s[0], beta2 = s[1], epsilon = s[2], decay = s[3], scale = s[7];
    const bool decoupled = s[4] != 0;
    const float meanShare = s[5], correction = 1 / std::sqrt(s[6]);
    forTensors<2>(call, [&](auto v, float rate, const float* const* from, float* const* to, int64_t i) {
      using V = decltype(v);
      const V p = load<V>(from[0] + i);
      const V slope = load<V>(from[1] + i) * scale + (decoupled ? V{} : p * decay);
      const V m = load<V>(from[2] + i) * beta1 + slope * (1 - beta1);
      const V q = load<V>(from[3] + i) * beta2 + slope * slope * (1 - beta2);
      const V kept = decoupled ? p * (1 - rate * decay) : p;
      store(to[0] + i, kept - m * (rate / meanShare) / (squareRoot(q) * correction + epsilon));
      store(to[1] + i, m);
      store(to[2] + i, q);
    });
  }
};

const Registration<Sgd> sgd("LabSgd", {{"settings: float", "rates: float", "parameters: count * float",
                                        "gradients: count * float", "velocities: count * float"},
                                       {"next: count * float", "next_velocities: count * float"},
                                       {"count: int >= 1"}});
const Registration<Adam> adam("LabAdam", {{"settings: float", "rates: float", "parameters: count * float",
                                           "gradients: count * float", "means: count * float",
                                           "squares: count * float"},
                                          {"next: count * float", "next_means: count * float",
                                           "next_squares: count * float"},
                                          {"count: int >= 1"}});

}  // namespace
}  // namespace lab
