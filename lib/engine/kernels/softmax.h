// Softmax of one row, and its gradient.
#pragma once

#include <cstdint>

#include "vector.h"

namespace lab {

// `to` may be `from`.
inline void softmaxOf(const float* from, int64_t width, float* to) {
  const float most = greatest(width, [&](auto v, int64_t i) { return load<decltype(v)>(from + i); });
  const float sum = total(width, [&](auto v, int64_t i) {
    const auto power = exponential(load<decltype(v)>(from + i) - most);
    store(to + i, power);
    return power;
  });
  const float share = 1 / sum;
  forEach(width, [&](auto v, int64_t i) { store(to + i, load<decltype(v)>(to + i) * share); });
}

// What softmax's input gets of `slope`, from the shares that it gave; `to` may be `slope`.
inline void softmaxSlopeOf(const float* share, const float* slope, int64_t width, float* to) {
  const float mean = total(width, [&](auto v, int64_t i) {
    return load<decltype(v)>(share + i) * load<decltype(v)>(slope + i);
  });
  forEach(width, [&](auto v, int64_t i) {
    using V = decltype(v);
    store(to + i, load<V>(share + i) * (load<V>(slope + i) - mean));
  });
}

}  // namespace lab
