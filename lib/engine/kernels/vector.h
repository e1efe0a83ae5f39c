// Vectors of floats, written once for any processor: the compiler makes of them what the machine has.
//
// Formulas are templates over `V`, which is `Wide`, `Half` or, for what is left of a row, plain float.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

namespace lab {

// What a register of the machine holds: GCC takes vectors that are wider apart into single numbers where it compares.
#if defined(__AVX512F__)
constexpr int registerBytes = 64;
#elif defined(__AVX__)
constexpr int registerBytes = 32;
#else
constexpr int registerBytes = 16;
#endif

template <class Number, int bytes>
struct VectorOf {
  typedef Number type __attribute__((vector_size(bytes)));
};

using Wide = VectorOf<float, registerBytes>::type;
using Half = VectorOf<float, registerBytes / 2>::type;

template <class V>
constexpr int lanes = sizeof(V) / sizeof(float);

template <class V>
struct IntegersOf {
  using type = typename VectorOf<int32_t, sizeof(V)>::type;
};
template <>
struct IntegersOf<float> {
  using type = int32_t;
};
template <class V>
using IntsOf = typename IntegersOf<V>::type;

constexpr int64_t roundedUp(int64_t count, int64_t to) { return (count + to - 1) / to * to; }

template <class V>
inline V load(const float* from) {
  V value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <class V>
inline void store(float* to, V value) {
  std::memcpy(to, &value, sizeof value);
}

template <class V>
inline V all(float value) {
  return V{} + value;
}

// Keeps a vector that is used several times in a register; compilers load it anew for each use otherwise.
template <class V>
inline void keep(V& value) {
#if defined(__x86_64__)
  asm("" : "+x"(value));
#elif defined(__aarch64__)
  asm("" : "+w"(value));
#endif
}

template <class V>
inline V squareRoot(V value) {
  if constexpr (lanes<V> == 1) {
    return std::sqrt(value);
  } else {
    V root;
    for (int i = 0; i < lanes<V>; ++i) root[i] = std::sqrt(value[i]);
    return root;
  }
}

// Calls `body(V{}, i)` for the elements i, i + 1, ... of [0, count) that fit into a V, widest first.
template <class Body>
inline void forEach(int64_t count, const Body& body) {
  int64_t i = 0;
  for (; i + lanes<Wide> <= count; i += lanes<Wide>) body(Wide{}, i);
  for (; i + lanes<Half> <= count; i += lanes<Half>) body(Half{}, i);
  for (; i < count; ++i) body(float{}, i);
}

// Combines `start` and `term(V{}, i)` for all i of [0, count) into one number, in an order of its own.
template <class Term, class Combine>
inline float fold(int64_t count, float start, const Term& term, const Combine& combine) {
  Wide wide = all<Wide>(start);
  Half half = all<Half>(start);
  float result = start;
  forEach(count, [&](auto v, int64_t i) {
    if constexpr (lanes<decltype(v)> == lanes<Wide>) {
      wide = combine(wide, term(v, i));
    } else if constexpr (lanes<decltype(v)> == lanes<Half>) {
      half = combine(half, term(v, i));
    } else {
      result = combine(result, term(v, i));
    }
  });
  for (int i = 0; i < lanes<Wide>; ++i) result = combine(result, wide[i]);
  for (int i = 0; i < lanes<Half>; ++i) result = combine(result, half[i]);
  return result;
}

template <class Term>
inline float total(int64_t count, const Term& term) {
  return fold(count, 0, term, [](auto a, auto b) { return a + b; });
}

template <class Term>
inline float greatest(int64_t count, const Term& term) {
  return fold(count, -INFINITY, term, [](auto a, auto b) { return a > b ? a : b; });
}

template <class V>
inline IntsOf<V> toInts(V value) {
  if constexpr (lanes<V> == 1) {
    return static_cast<int32_t>(value);
  } else {
    return __builtin_convertvector(value, IntsOf<V>);
  }
}

template <class V>
inline V toFloats(IntsOf<V> value) {
  if constexpr (lanes<V> == 1) {
    return static_cast<float>(value);
  } else {
    return __builtin_convertvector(value, V);
  }
}

// e^x to a relative error of 2e-7: 2^n times a polynomial on [-ln 2 / 2, ln 2 / 2] (Cephes, expf). NaN stays NaN.
template <class V>
inline V exponential(V x) {
  x = x < -87.0f ? all<V>(-87.0f) : x;
  x = x > 88.0f ? all<V>(88.0f) : x;
  const V scaled = x * 1.44269504f;
  const V towardsNearest = scaled + (scaled < 0.0f ? all<V>(-0.5f) : all<V>(0.5f));
  const IntsOf<V> exponent = toInts<V>(towardsNearest);
  const V n = toFloats<V>(exponent);
  const V r = x - n * 0.693359375f + n * 2.12194440e-4f;
  V p = all<V>(1.9875691500e-4f);
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * r * r + r + 1.0f;
  const IntsOf<V> bits = (exponent + 127) << 23;
  V power;
  std::memcpy(&power, &bits, sizeof power);
  return p * power;
}

// e^x to a relative error of 8e-5, by a polynomial of its own. NaN stays NaN.
template <class V>
inline V roughExponential(V x) {
  V scaled = x * 1.44269504f;
  scaled = scaled < -126.0f ? all<V>(-126.0f) : scaled;
  scaled = scaled > 127.0f ? all<V>(127.0f) : scaled;
  // Beside so large a number there is no room for a fraction.
  constexpr float large = 12582912.0f;  // 1.5 * 2^23
  const V shifted = scaled + large;
  const V r = scaled - (shifted - large);
  const V p = ((r * 0.0551709883f + 0.24260973f) * r + 0.693260966f) * r + 0.99992816f;
  IntsOf<V> bits, exponent;
  std::memcpy(&bits, &p, sizeof bits);
  std::memcpy(&exponent, &shifted, sizeof exponent);
  bits += exponent << 23;
  V power;
  std::memcpy(&power, &bits, sizeof power);
  return power;
}

// 1 / x to a relative error of 7e-5.
template <class V>
inline V roughInverse(V x) {
#ifdef __AVX512F__
  if constexpr (sizeof(V) == 64) return _mm512_rcp14_ps(x);
#endif
  return 1.0f / x;
}

}  // namespace lab
