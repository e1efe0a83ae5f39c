// Depthwise convolution: every channel is filtered by itself. The filter is [height, width, channel, 1].
#include "activations.h"
#include "kernel.h"
#include "rows.h"
#include "window.h"

namespace lab {
namespace {

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
void filterRow(const Number* image, const float* filter, const float* bias, const Sizes& s, const Window& window,
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

// activation(x * filter + bias).
template <class Activation, class Number>
void filterImages(const Number* x, const float* filter, const float* bias, const Sizes& s, const Window& window,
                  Activation f, Number* y) {
  const int64_t length = s.outWidth * s.channels;
  parallel(piecesOfRows(s.batch * s.outHeight, length), [&](int64_t, int64_t begin, int64_t end) {
    std::vector<float> sums(length);
    for (int64_t row = begin; row < end; ++row) {
      const Number* image = x + row / s.outHeight * s.height * s.width * s.channels;
      filterRow(image, filter, bias, s, window, row % s.outHeight * window.strideY - window.top, sums.data());
      forEach(length, [&](auto v, int64_t i) {
        store(y + row * length + i, f.value(load<decltype(v)>(sums.data() + i)));
      });
    }
  });
}

// Filters and biases are float32 whatever T is.
struct TypedWindow {
  TF_DataType type;
  Window window;

  explicit TypedWindow(Attributes& attributes) : type(attributes.type("T")), window(attributes) {}
};

struct Depthwise : TypedWindow {
  std::string activation;

  explicit Depthwise(Attributes& attributes) : TypedWindow(attributes), activation(attributes.text("activation")) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) {
      using Number = decltype(number);
      const auto x = call.input<Number>(0);
      const Input filter = call.input(1);
      const float* bias = call.has(2) ? call.input(2, x.channels()).data : nullptr;
      const Sizes s(x.shape, filter.shape, window);
      Number* y = call.output<Number>(0, s.output());
      withActivation<Number>(activation, [&](auto f) { filterImages(x.data, filter.data, bias, s, window, f, y); });
    });
  }
};

struct DepthwiseGradInput : TypedWindow {
  using TypedWindow::TypedWindow;

  void compute(Call& call) const {
    withNumber(type, [&](auto number) { slopes<decltype(number)>(call); });
  }

 private:
  template <class Number>
  void slopes(Call& call) const {
    const auto x = call.input<Number>(1);
    const Input filter = call.input(2);
    const Sizes s(x.shape, filter.shape, window);
    const auto dy = call.input<Number>(0, sizeOf(s.output()));
    Number* dx = call.output<Number>(0, x.shape);
    const bool reaches = std::max(window.top, window.bottom) < s.filterHeight &&
                         std::max(window.left, window.right) < s.filterWidth;
    if (window.strideY == 1 && window.strideX == 1 && reaches) {
      turned(dy, filter, s, dx);
    } else {
      gathered(dy.data, filter.data, s, dx);
    }
  }

  // With a stride of 1 it is the slopes filtered by the filter turned by half a turn.
  template <class Number>
  void turned(const InputOf<Number>& dy, const Input& filter, const Sizes& s, Number* dx) const {
    const int64_t places = s.filterHeight * s.filterWidth;
    std::vector<float> half(filter.size());
    for (int64_t place = 0; place < places; ++place) {
      std::copy_n(filter.data + place * s.channels, s.channels, &half[(places - 1 - place) * s.channels]);
    }
    Window around = window;
    around.top = s.filterHeight - 1 - window.top, around.bottom = s.filterHeight - 1 - window.bottom;
    around.left = s.filterWidth - 1 - window.left, around.right = s.filterWidth - 1 - window.right;
    filterImages(dy.data, half.data(), nullptr, Sizes(s.output(), filter.shape, around), around, Identity{}, dx);
  }

  template <class Number>
  void gathered(const Number* dy, const float* filter, const Sizes& s, Number* dx) const {
    forRows(s.batch * s.height, s.width * s.channels, [&](int64_t row) {
      const int64_t y = row % s.height;
      const Number* slopes = dy + row / s.height * s.outHeight * s.outWidth * s.channels;
      for (int64_t column = 0; column < s.width; ++column) {
        Number* to = dx + (row * s.width + column) * s.channels;
        forChannels<4>(s.channels, [&](auto v, auto count, int64_t c) {
          using V = decltype(v);
          V sums[count.value] = {};
          for (int64_t ky = 0; ky < s.filterHeight; ++ky) {
            const int64_t fromY = y + window.top - ky, outY = fromY / window.strideY;
            if (fromY < 0 || fromY % window.strideY != 0 || outY >= s.outHeight) continue;
            for (int64_t kx = 0; kx < s.filterWidth; ++kx) {
              const int64_t fromX = column + window.left - kx, outX = fromX / window.strideX;
              if (fromX < 0 || fromX % window.strideX != 0 || outX >= s.outWidth) continue;
              const Number* from = slopes + (outY * s.outWidth + outX) * s.channels + c;
              const float* by = filter + (ky * s.filterWidth + kx) * s.channels + c;
              for (int i = 0; i < count.value; ++i) sums[i] += load<V>(from + i * lanes<V>) * load<V>(by + i * lanes<V>);
            }
          }
          for (int i = 0; i < count.value; ++i) store(to + c + i * lanes<V>, sums[i]);
        });
      }
    });
  }
};

struct DepthwiseGradFilter : TypedWindow {
  using TypedWindow::TypedWindow;

  void compute(Call& call) const {
    withNumber(type, [&](auto number) { slopes<decltype(number)>(call); });
  }

 private:
  template <class Number>
  void slopes(Call& call) const {
    const auto x = call.input<Number>(1);
    const Input filter = call.input(2);
    const Sizes s(x.shape, filter.shape, window);
    const auto dy = call.input<Number>(0, sizeOf(s.output()));
    float* dFilter = call.output(0, filter.shape);
    const std::vector<double> sums =
        columnSums(s.batch * s.outHeight, filter.size(), [&](int64_t row, float* sum) {
          const int64_t originY = row % s.outHeight * window.strideY - window.top;
          const Range ys = within(originY, s.filterHeight, s.height);
          const Number* image = x.data + row / s.outHeight * s.height * s.width * s.channels;
          const Number* slopes = dy.data + row * s.outWidth * s.channels;
          for (int64_t ky = ys.begin; ky < ys.end; ++ky) {
            addLine(image + (originY + ky) * s.width * s.channels, slopes, s, sum + ky * s.filterWidth * s.channels);
          }
        });
    std::copy(sums.begin(), sums.end(), dFilter);
  }

  // Adds what a line of the image and the slopes of a row of output are worth to the places [width, channel] of the filter.
  template <class Number>
  void addLine(const Number* line, const Number* slopes, const Sizes& s, float* filter) const {
    withWindow(s.filterWidth, window.strideX, [&](auto width, auto stride) {
      if constexpr (width.value > 0) {
        forEach(s.channels, [&](auto v, int64_t c) {
          using V = decltype(v);
          V parts[width.value];
          for (int place = 0; place < width.value; ++place) parts[place] = load<V>(filter + place * s.channels + c);
          forColumns(s, window, [&](auto count, int64_t column) {
            const int64_t originX = column * stride.value - window.left;
            const Range xs = within(originX, width.value, s.width);
            V slope[count.value];
            for (int i = 0; i < count.value; ++i) slope[i] = load<V>(slopes + (column + i) * s.channels + c);
            if constexpr (count.value == 1) {
#pragma GCC unroll 8
              for (int place = 0; place < width.value; ++place) {
                if (place < xs.begin || place >= xs.end) continue;
                parts[place] += load<V>(line + (originX + place) * s.channels + c) * slope[0];
              }
            } else {
              forPlaces<width.value, stride.value, count.value>(
                  [&](int pixel) { return load<V>(line + (originX + pixel) * s.channels + c); },
                  [&](V seen, int place, int i) { parts[place] += seen * slope[i]; });
            }
          });
          for (int place = 0; place < width.value; ++place) store(filter + place * s.channels + c, parts[place]);
        });
      } else {
        for (int64_t kx = 0; kx < s.filterWidth; ++kx) addPlace(line, slopes, s, kx, filter + kx * s.channels);
      }
    });
  }

  template <class Number>
  void addPlace(const Number* line, const Number* slopes, const Sizes& s, int64_t kx, float* to) const {
    // The columns of the output whose window covers a column of the image at this place of the filter.
    const int64_t shift = kx - window.left;
    const int64_t begin = shift >= 0 ? 0 : (-shift + window.strideX - 1) / window.strideX;
    const int64_t last = s.width - 1 - shift;
    const int64_t end = last < 0 ? 0 : std::min(s.outWidth, last / window.strideX + 1);
    forChannels<4>(s.channels, [&](auto v, auto count, int64_t c) {
      using V = decltype(v);
      V parts[count.value];
      for (int i = 0; i < count.value; ++i) parts[i] = load<V>(to + c + i * lanes<V>);
      for (int64_t column = begin; column < end; ++column) {
        const Number* from = line + (column * window.strideX + shift) * s.channels + c;
        const Number* slope = slopes + column * s.channels + c;
        for (int i = 0; i < count.value; ++i) parts[i] += load<V>(from + i * lanes<V>) * load<V>(slope + i * lanes<V>);
      }
      for (int i = 0; i < count.value; ++i) store(to + c + i * lanes<V>, parts[i]);
    });
  }
};

const Registration<Depthwise> depthwise("LabDepthwise",
                                        {{"x: T", "filter: float", "bias: biases * float"},
                                         {"y: T"},
                                         {"T: {float, bfloat16}", "strides: list(int)", "padding: list(int)", "activation: string",
                                          "biases: int >= 0"}});
const Registration<DepthwiseGradInput> gradInput("LabDepthwiseGradInput",
                                                 {{"dy: T", "x: T", "filter: float"},
                                                  {"dx: T"},
                                                  {"T: {float, bfloat16}", "strides: list(int)", "padding: list(int)"}});
const Registration<DepthwiseGradFilter> gradFilter("LabDepthwiseGradFilter",
                                                   {{"dy: T", "x: T", "filter: float"},
                                                    {"dfilter: float"},
                                                    {"T: {float, bfloat16}", "strides: list(int)", "padding: list(int)"}});

}  // namespace
}  // namespace lab
