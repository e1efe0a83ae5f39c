// The largest value, or the mean, of each window of an image, and the mean of a whole one.
#include <cmath>

#include "kernel.h"
#include "rows.h"
#include "window.h"

namespace lab {
namespace {

struct Pool {
  TF_DataType type;
  Window window;
  std::vector<int64_t> size;
  bool isMean;

  explicit Pool(Attributes& attributes)
      : type(attributes.type("T")), window(attributes), size(attributes.integers("size", 2, 1)),
        isMean(attributes.integer("mean", 0) > 0) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) {
      if (isMean) {
        const float share = 1.0f / static_cast<float>(size[0] * size[1]);
        pool<decltype(number)>(call, 0, [](auto a, auto b) { return a + b; }, share);
      } else {
        pool<decltype(number)>(call, -INFINITY, [](auto a, auto b) { return ((b > a) | (b != b)) ? b : a; }, 1);
      }
    });
  }

 private:
  template <class Number, class Combine>
  void pool(Call& call, float start, const Combine& combine, float factor) const {
    const auto x = call.input<Number>(0);
    if (x.shape.size() != 4) throw std::invalid_argument("an image must have four axes");
    const int64_t height = x.shape[1], width = x.shape[2], channels = x.shape[3];
    const int64_t roomY = height + window.top + window.bottom - size[0];
    const int64_t roomX = width + window.left + window.right - size[1];
    if (roomY < 0 || roomX < 0) throw std::invalid_argument("the window is larger than the image");
    const Shape shape{x.shape[0], roomY / window.strideY + 1, roomX / window.strideX + 1, channels};
    Number* y = call.output<Number>(0, shape);
    forRows(shape[0] * shape[1], shape[2] * channels, [&](int64_t row) {
      const Number* image = x.data + row / shape[1] * height * width * channels;
      const int64_t originY = row % shape[1] * window.strideY - window.top;
      const int64_t beginY = std::max<int64_t>(0, originY), endY = std::min(height, originY + size[0]);
      for (int64_t column = 0; column < shape[2]; ++column) {
        const int64_t originX = column * window.strideX - window.left;
        const int64_t beginX = std::max<int64_t>(0, originX), endX = std::min(width, originX + size[1]);
        forEach(channels, [&, to = y + (row * shape[2] + column) * channels](auto v, int64_t c) {
          using V = decltype(v);
          V value = all<V>(start);
          for (int64_t line = beginY; line < endY; ++line) {
            for (int64_t place = beginX; place < endX; ++place) {
              value = combine(value, load<V>(image + (line * width + place) * channels + c));
            }
          }
          store(to + c, value * factor);
        });
      }
    });
  }
};

// The mean over height and width, [batch, 1, 1, channels].
struct GlobalAverage {
  TF_DataType type;

  explicit GlobalAverage(Attributes& attributes) : type(attributes.type("T")) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) {
      const auto x = call.input<decltype(number)>(0);
      if (x.shape.size() != 4) throw std::invalid_argument("an image must have four axes");
      const int64_t places = x.shape[1] * x.shape[2], channels = x.shape[3];
      float* y = call.output(0, {x.shape[0], 1, 1, channels});
      forRows(x.shape[0], places * channels, [&](int64_t photo) {
        float* to = y + photo * channels;
        std::fill(to, to + channels, 0.0f);
        for (int64_t place = 0; place < places; ++place) {
          forEach(channels, [&, from = x.data + (photo * places + place) * channels](auto v, int64_t c) {
            using V = decltype(v);
            store(to + c, load<V>(to + c) + load<V>(from + c));
          });
        }
        for (int64_t c = 0; c < channels; ++c) to[c] /= static_cast<float>(places);
      });
    });
  }
};

const Registration<Pool> pool("LabPool", {{"x: T"},
                                          {"y: T"},
                                          {"T: {float, bfloat16}", "strides: list(int)", "padding: list(int)",
                                           "size: list(int)", "mean: int"}});
const Registration<GlobalAverage> globalAverage("LabGlobalAverage", {{"x: T"}, {"y: float"}, {"T: {float, bfloat16}"}});

}  // namespace
}  // namespace lab
