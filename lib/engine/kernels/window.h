// How a window moves over an image.
#pragma once

#include "kernel.h"

namespace lab {

struct Window {
  int64_t strideY, strideX, top, bottom, left, right;

  explicit Window(Attributes& attributes) {
    const std::vector<int64_t> strides = attributes.integers("strides", 2, 1);
    const std::vector<int64_t> padding = attributes.integers("padding", 4, 0);
    strideY = strides[0], strideX = strides[1];
    top = padding[0], bottom = padding[1], left = padding[2], right = padding[3];
  }
};

}  // namespace lab
