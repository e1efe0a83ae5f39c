// Depthwise convolution: every channel is filtered by itself. The filter is [height, width, channel, 1].
#include "activations.h"
#include "depthwise.h"
#include "rows.h"

namespace lab {
namespace {

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
