// A row of what a depthwise convolution makes of an image: every channel is filtered by itself.
#pragma once

#include <algorithm>

#include "kernel.h"
#include "vector.h"
#include "window.h"

namespace lab {

// The sizes of an image, a filter and what the filter makes of the image.
struct Sizes {
  int64_t batch, height, width, channels, filterHeight, filterWidth, outHeight, outWidth;

  Sizes(const Shape& image, const Shape& filter, const Window& window) {
    if (image.size() != 4 || filter.size() != 4) throw std::invalid_argument("image and filter must have four axes");
    batch = image[0], height = image[1], width = image[2], channels = image[3];
    filterHeight = filter[0], filterWidth = filter[1];
    if (filter[2] != channels || filter[3] != 1) {
      throw std::invalid_argument("the filter is not one of " + std::to_string(channels) + " channels");
    }
    const int64_t roomY = height + window.top + window.bottom - filterHeight;
    const int64_t roomX = width + window.left + window.right - filterWidth;
    if (filterHeight < 1 || filterWidth < 1) throw std::invalid_argument("the filter is empty");
    if (roomY < 0 || roomX < 0) throw std::invalid_argument("the filter is larger than the image");
    outHeight = roomY / window.strideY + 1, outWidth = roomX / window.strideX + 1;
  }

  Shape output() const { return {batch, outHeight, outWidth, channels}; }
};

struct Range {
  int64_t begin, end;
};

// The rows (or columns) of a filter that meet the image when the window begins at `origin`.
inline Range within(int64_t origin, int64_t filter, int64_t image) {
  return {std::max<int64_t>(0, -origin), std::min(filter, image - origin)};
}

template <int N>
using Count = std::integral_constant<int, N>;

// Calls `body(V{}, Count<n>{}, c)` for n vectors V of channels from c on: `Most` as long as there are so many, then one.
template <int Most, class Body>
inline void forChannels(int64_t channels, const Body& body) {
  int64_t c = 0;
  if (Most > 1) {
    for (; c + Most * lanes<Wide> <= channels; c += Most * lanes<Wide>) body(Wide{}, Count<Most>{}, c);
  }
  forEach(channels - c, [&](auto v, int64_t i) { body(v, Count<1>{}, c + i); });
}

// Calls `body(Count<n>{}, column)` for n columns of output at a time: several where the whole width of the filter meets the
// image, else one.
template <class Body>
inline void forColumns(const Sizes& s, const Window& window, const Body& body) {
  const int64_t inner = std::min(s.outWidth, (window.left + window.strideX - 1) / window.strideX);
  const int64_t room = s.width + window.left - s.filterWidth;
  const int64_t outer = room < 0 ? inner : std::max(inner, std::min(s.outWidth, room / window.strideX + 1));
  int64_t column = 0;
  for (; column < inner; ++column) body(Count<1>{}, column);
  for (; column + 8 <= outer; column += 8) body(Count<8>{}, column);
  for (; column + 4 <= outer; column += 4) body(Count<4>{}, column);
  for (; column < s.outWidth; ++column) body(Count<1>{}, column);
}

// Calls `body(Count<width>{}, Count<stride>{})` for the windows that networks have, with zeros for any other.
template <class Body>
inline void withWindow(int64_t width, int64_t stride, const Body& body) {
  const auto withStride = [&](auto width) {
    if (stride == 1) return body(width, Count<1>{});
    if (stride == 2) return body(width, Count<2>{});
    body(Count<0>{}, Count<0>{});
  };
  if (width == 3) return withStride(Count<3>{});
  if (width == 5) return withStride(Count<5>{});
  if (width == 7) return withStride(Count<7>{});
  body(Count<0>{}, Count<0>{});
}

// Calls `body(seen, place, column)` with what `pixelAt` gives for every pixel of a line that some windows side by side cover,
// pixel after pixel.
template <int width, int stride, int count, class Pixel, class Body>
inline void forPlaces(const Pixel& pixelAt, const Body& body) {
#pragma GCC unroll 24
  for (int pixel = 0; pixel < (count - 1) * stride + width; ++pixel) {
    const auto seen = pixelAt(pixel);
#pragma GCC unroll 8
    for (int place = width - 1; place >= 0; --place) {
      const int column = (pixel - place) / stride;
      if (pixel >= place && column < count && (pixel - place) % stride == 0) body(seen, place, column);
    }
  }
}

// x * filter + bias of a row of output, all by channel; neighbouring columns share what is loaded of the filter and, where its
// width is known, of the image.
template <class Number>
inline void filterRow(const Number* image, const float* filter, const float* bias, const Sizes& s, const Window& window,
               int64_t originY, float* y) {
  const Range ys = within(originY, s.filterHeight, s.height);
  withWindow(s.filterWidth, window.strideX, [&](auto width, auto stride) {
    forColumns(s, window, [&](auto count, int64_t column) {
      const int64_t originX = column * window.strideX - window.left;
      float* to = y + column * s.channels;
      if constexpr (count.value > 1 && width.value > 0) {
        forEach(s.channels, [&](auto v, int64_t c) {
          using V = decltype(v);
          V sums[count.value];
          for (V& sum : sums) sum = bias ? load<V>(bias + c) : V{};
          for (int64_t ky = ys.begin; ky < ys.end; ++ky) {
            const Number* from = image + ((originY + ky) * s.width + originX) * s.channels + c;
            const float* places = filter + ky * width.value * s.channels + c;
            V by[width.value];
            for (int place = 0; place < width.value; ++place) by[place] = load<V>(places + place * s.channels);
            forPlaces<width.value, stride.value, count.value>(
                [&](int pixel) { return load<V>(from + pixel * s.channels); },
                [&](V seen, int place, int column) { sums[column] += seen * by[place]; });
          }
          for (int i = 0; i < count.value; ++i) store(to + i * s.channels + c, sums[i]);
        });
        return;
      }
      const Range xs = within(originX, s.filterWidth, s.width);
      forChannels<count.value == 1 ? 4 : 1>(s.channels, [&](auto v, auto vectors, int64_t c) {
        using V = decltype(v);
        V sums[count.value][vectors.value];
        for (int j = 0; j < vectors.value; ++j) {
          const V begin = bias ? load<V>(bias + c + j * lanes<V>) : V{};
          for (int i = 0; i < count.value; ++i) sums[i][j] = begin;
        }
        for (int64_t ky = ys.begin; ky < ys.end; ++ky) {
          for (int64_t kx = xs.begin; kx < xs.end; ++kx) {
            const Number* from = image + ((originY + ky) * s.width + originX + kx) * s.channels + c;
            const float* place = filter + (ky * s.filterWidth + kx) * s.channels + c;
            for (int j = 0; j < vectors.value; ++j) {
              const V by = load<V>(place + j * lanes<V>);
              for (int i = 0; i < count.value; ++i) {
                sums[i][j] += load<V>(from + i * window.strideX * s.channels + j * lanes<V>) * by;
              }
            }
          }
        }
        for (int i = 0; i < count.value; ++i) {
          for (int j = 0; j < vectors.value; ++j) store(to + i * s.channels + c + j * lanes<V>, sums[i][j]);
        }
      });
    });
  });
}

}  // namespace lab
