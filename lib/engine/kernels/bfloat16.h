// bfloat16 in memory, float32 in registers.
#pragma once

#include "vector.h"

namespace lab {

// The upper half of a float32's bits.
using Bfloat16 = uint16_t;

template <class V>
struct HalvesOf {
  typedef uint16_t type __attribute__((vector_size(sizeof(V) / 2)));
  typedef uint32_t bits __attribute__((vector_size(sizeof(V))));
};
template <>
struct HalvesOf<float> {
  using type = uint16_t;
  using bits = uint32_t;
};

template <class To, class From>
inline To converted(From from) {
  if constexpr (std::is_arithmetic_v<From>) {
    return static_cast<To>(from);
  } else {
    return __builtin_convertvector(from, To);
  }
}

template <class V>
inline V load(const Bfloat16* from) {
#ifdef __AVX512F__
  // GCC widens such a vector in two halves.
  if constexpr (sizeof(V) == 64) {
    const __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(from)));
    return (V)_mm512_slli_epi32(wide, 16);
  }
#endif
  typename HalvesOf<V>::type halves;
  std::memcpy(&halves, from, sizeof halves);
  const auto bits = converted<typename HalvesOf<V>::bits>(halves) << 16;
  V value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Rounds to the nearest, halves to even ones; NaN stays NaN.
template <class V>
inline void store(Bfloat16* to, V value) {
#ifdef __AVX512BF16__
  if constexpr (sizeof(V) == 64) {
    const __m256bh narrow = _mm512_cvtneps_pbh(value);
    std::memcpy(to, &narrow, sizeof narrow);
    return;
  }
#endif
  typename HalvesOf<V>::bits bits;
  std::memcpy(&bits, &value, sizeof bits);
  const auto rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  const auto halves = converted<typename HalvesOf<V>::type>(value == value ? rounded : bits >> 16 | 0x40);
  std::memcpy(to, &halves, sizeof halves);
}

template <class Number>
inline float product(const Number* a, const Number* b, int64_t count) {
  return total(count, [&](auto v, int64_t i) { return load<decltype(v)>(a + i) * load<decltype(v)>(b + i); });
}

}  // namespace lab
