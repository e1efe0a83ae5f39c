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

  // Whether a window of one pixel sees every pixel, and nothing else.
  bool isPlain() const { return strideY == 1 && strideX == 1 && top + bottom + left + right == 0; }

  // Refuses an image [batch, height, width, ...] that a window of this size does not make of another.
  void check(const Shape& image, const Shape& output, int64_t height, int64_t width) const {
    const auto fits = [](int64_t length, int64_t padding, int64_t outputs, int64_t stride, int64_t size) {
      return length + padding >= size && (length + padding - size) / stride + 1 == outputs;
    };
    if (image.size() != 4 || output.size() != 4) throw std::invalid_argument("an image must have four axes");
    if (image[0] != output[0] || !fits(image[1], top + bottom, output[1], strideY, height) ||
        !fits(image[2], left + right, output[2], strideX, width)) {
      throw std::invalid_argument("output or slope is not one of this convolution");
    }
  }
};

}  // namespace lab
