// Activation functions and their derivatives, each from the activation's input.
#pragma once

#include <stdexcept>
#include <string>

#include "vector.h"

namespace lab {

struct Identity {
  template <class V>
  static V value(V x) {
    return x;
  }
  template <class V>
  static V slope(V) {
    return all<V>(1.0f);
  }
};

// Comparisons are such that NaN stays NaN.
struct Relu {
  template <class V>
  static V value(V x) {
    return x < 0.0f ? V{} : x;
  }
  template <class V>
  static V slope(V x) {
    return x > 0.0f ? all<V>(1.0f) : V{};
  }
};

struct Relu6 {
  template <class V>
  static V value(V x) {
    const V positive = Relu::value(x);
    return positive > 6.0f ? all<V>(6.0f) : positive;
  }
  template <class V>
  static V slope(V x) {
    return x < 6.0f ? Relu::slope(x) : V{};
  }
};

struct Sigmoid {
  template <class V>
  static V value(V x) {
    return 1.0f / (1.0f + exponential<V>(-x));
  }
  template <class V>
  static V slope(V x) {
    const V s = value(x);
    return s * (1.0f - s);
  }
};

// x * sigmoid(x) (Ramachandran et al. 2017, arXiv:1710.05941).
struct Silu {
  template <class V>
  static V value(V x) {
    return x * Sigmoid::value(x);
  }
  template <class V>
  static V slope(V x) {
    const V s = Sigmoid::value(x);
    return s + x * s * (1.0f - s);
  }
};

// relu6(x + 3) / 6.
struct HardSigmoid {
  template <class V>
  static V value(V x) {
    return Relu6::value<V>(x + 3.0f) * (1.0f / 6.0f);
  }
  template <class V>
  static V slope(V x) {
    return Relu6::slope<V>(x + 3.0f) * (1.0f / 6.0f);
  }
};

// x * hardsigmoid(x) (Howard et al. 2019, arXiv:1905.02244).
struct HardSwish {
  template <class V>
  static V value(V x) {
    return x * HardSigmoid::value(x);
  }
  template <class V>
  static V slope(V x) {
    return HardSigmoid::value(x) + x * HardSigmoid::slope(x);
  }
};

// x (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016, arXiv:1606.08415), the error function to 1.5e-7
// (Abramowitz and Stegun 1964, 7.1.26).
struct Gelu {
  // The normal distribution's density, times sqrt(2 pi), and its cumulative function.
  template <class V>
  static void normal(V x, V& bell, V& cumulative) {
    const V distance = (x < 0.0f ? -x : x) * 0.70710678f;
    const V t = 1.0f / (1.0f + 0.3275911f * distance);
    V p = all<V>(1.061405429f);
    p = p * t - 1.453152027f;
    p = p * t + 1.421413741f;
    p = p * t - 0.284496736f;
    p = p * t + 0.254829592f;
    bell = exponential<V>(-distance * distance);
    const V tail = 0.5f * p * t * bell;
    cumulative = x < 0.0f ? tail : 1.0f - tail;
  }
  template <class V>
  static V value(V x) {
    V bell, cumulative;
    normal(x, bell, cumulative);
    return x * cumulative;
  }
  template <class V>
  static V slope(V x) {
    V bell, cumulative;
    normal(x, bell, cumulative);
    return cumulative + x * bell * 0.39894228f;
  }
};

// Calls `body` with the activation of this name.
template <class Body>
inline void withActivation(const std::string& name, const Body& body) {
  if (name == "none") return body(Identity{});
  if (name == "relu") return body(Relu{});
  if (name == "relu6") return body(Relu6{});
  if (name == "sigmoid") return body(Sigmoid{});
  if (name == "silu") return body(Silu{});
  if (name == "hardsigmoid") return body(HardSigmoid{});
  if (name == "hardswish") return body(HardSwish{});
  if (name == "gelu") return body(Gelu{});
  throw std::invalid_argument("there is no activation named " + name);
}

}  // namespace lab
