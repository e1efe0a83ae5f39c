// Activation functions and their derivatives, each from the activation's input, as exact as a `Number` that is made of them.
#pragma once

#include <stdexcept>
#include <string>

#include "bfloat16.h"

namespace lab {

template <class Number, class V>
inline V powerOfE(V x) {
  if constexpr (std::is_same_v<Number, Bfloat16>) return roughExponential<V>(x);
  return exponential<V>(x);
}

template <class Number, class V>
inline V quotient(V dividend, V divisor) {
  if constexpr (std::is_same_v<Number, Bfloat16>) return dividend * roughInverse<V>(divisor);
  return dividend / divisor;
}

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

template <class Number>
struct Sigmoid {
  template <class V>
  static V value(V x) {
    return quotient<Number, V>(all<V>(1.0f), 1.0f + powerOfE<Number, V>(-x));
  }
  template <class V>
  static V slope(V x) {
    const V s = value(x);
    return s * (1.0f - s);
  }
};

// x * sigmoid(x) (Ramachandran et al. 2017, arXiv:1710.05941).
template <class Number>
struct Silu {
  template <class V>
  static V value(V x) {
    return x * Sigmoid<Number>::value(x);
  }
  template <class V>
  static V slope(V x) {
    const V s = Sigmoid<Number>::value(x);
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

// x (1 + erf(x / sqrt 2)) / 2 (Hendrycks and Gimpel 2016, arXiv:1606.08415).
template <class Number>
struct Gelu {
  // erf(x / sqrt 2): an odd polynomial over an even one, with the coefficients of Eigen and XLA.
  template <class V>
  static V errorFunction(V x) {
    V z = x * 0.70710678f;
    z = z < -4.0f ? all<V>(-4.0f) : z;
    z = z > 4.0f ? all<V>(4.0f) : z;
    const V s = z * z;
    V p = all<V>(-2.72614225801306e-10f);
    p = p * s + 2.77068142495902e-08f;
    p = p * s - 2.10102402082508e-06f;
    p = p * s - 5.69250639462346e-05f;
    p = p * s - 7.34990630326855e-04f;
    p = p * s - 2.95459980854025e-03f;
    p = p * s - 1.60960333262415e-02f;
    V q = all<V>(-1.45660718464996e-05f);
    q = q * s - 2.13374055278905e-04f;
    q = q * s - 1.68282697438203e-03f;
    q = q * s - 7.37332916720468e-03f;
    q = q * s - 1.42647390514189e-02f;
    return quotient<Number, V>(z * p, q);
  }
  template <class V>
  static V value(V x) {
    const V half = 0.5f * x;
    return half + half * errorFunction(x);
  }
  template <class V>
  static V slope(V x) {
    return 0.5f + 0.5f * errorFunction(x) + x * powerOfE<Number, V>(-0.5f * x * x) * 0.39894228f;
  }
};

// Calls `body` with the activation of this name.
template <class Number, class Body>
inline void withActivation(const std::string& name, const Body& body) {
  if (name == "none") return body(Identity{});
  if (name == "relu") return body(Relu{});
  if (name == "relu6") return body(Relu6{});
  if (name == "sigmoid") return body(Sigmoid<Number>{});
  if (name == "silu") return body(Silu<Number>{});
  if (name == "hardsigmoid") return body(HardSigmoid{});
  if (name == "hardswish") return body(HardSwish{});
  if (name == "gelu") return body(Gelu<Number>{});
  throw std::invalid_argument("there is no activation named " + name);
}

}  // namespace lab
