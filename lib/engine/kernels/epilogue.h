// What a kernel adds to its sums before it stores them: a bias by channel, a residual, an activation.
#pragma once

#include <string>

#include "activations.h"
#include "kernel.h"

namespace lab {

template <class Activation>
struct Epilogue {
  const float* bias;
  Values residual;
  Activation activation;

  // What becomes of the sums at this place of the output, which begin with this channel.
  template <class V>
  V apply(V sum, int64_t at, int64_t channel) const {
    if (bias) sum += load<V>(bias + channel);
    if (residual) residual.from(at, [&](const auto* from) { sum += load<V>(from); });
    return activation.value(sum);
  }
};

// The same as an operation's attributes tell, and its last two inputs, each of which may be there or not.
struct EpilogueOptions {
  int64_t biases;
  std::string activation;

  explicit EpilogueOptions(Attributes& attributes)
      : biases(attributes.integer("biases", 0)), activation(attributes.text("activation")) {}

  // Calls `body` with the epilogue of an output of this shape and type, the inputs of which begin with this number.
  template <class Number = float, class Body>
  void with(Call& call, int index, const Shape& output, const Body& body) const {
    const float* bias = biases ? call.input(index, output.back()).data : nullptr;
    const int after = biases ? index + 1 : index;
    const Values residual = call.has(after) ? Values(call.input(after, sizeOf(output))) : Values();
    withActivation<Number>(activation, [&](auto f) { body(Epilogue<decltype(f)>{bias, residual, f}); });
  }
};

}  // namespace lab
