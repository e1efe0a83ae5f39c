// Activations by themselves, after a bias, and after a factor and a shift by channel.
#include <numeric>

#include "activations.h"
#include "kernel.h"
#include "rows.h"

namespace lab {
namespace {

struct WithActivation {
  std::string activation;

  explicit WithActivation(Attributes& attributes) : activation(attributes.text("activation")) {}
};

struct Activate : WithActivation {
  using WithActivation::WithActivation;

  void compute(Call& call) const {
    const Input x = call.input(0);
    float* y = call.output(0, x.shape);
    withActivation<float>(activation, [&](auto f) {
      parallel(piecesOfRows(x.size(), 1), [&](int64_t, int64_t begin, int64_t end) {
        forEach(end - begin, [&](auto v, int64_t i) {
          store(y + begin + i, f.value(load<decltype(v)>(x.data + begin + i)));
        });
      });
    });
  }
};

struct ActivateGrad : WithActivation {
  using WithActivation::WithActivation;

  void compute(Call& call) const {
    const Input x = call.input(1), dy = call.input(0, x.size());
    float* dx = call.output(0, x.shape);
    withActivation<float>(activation, [&](auto f) {
      parallel(piecesOfRows(x.size(), 1), [&](int64_t, int64_t begin, int64_t end) {
        forEach(end - begin, [&](auto v, int64_t i) {
          using V = decltype(v);
          store(dx + begin + i, load<V>(dy.data + begin + i) * f.slope(load<V>(x.data + begin + i)));
        });
      });
    });
  }
};

// activation(x + bias) of parts side by side, or with a factor, of one part, activation(x * factor + bias).
struct AddBias : WithActivation {
  TF_DataType type;
  int parts;

  explicit AddBias(Attributes& attributes)
      : WithActivation(attributes), type(attributes.type("T")), parts(static_cast<int>(attributes.integer("parts", 1))) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) { add<decltype(number)>(call); });
  }

 private:
  template <class Number>
  struct Part {
    InputOf<Number> x;
    const float* bias;
  };

  template <class Number>
  void add(Call& call) const {
    std::vector<Part<Number>> given;
    Shape shape;
    for (int i = 0; i < parts; ++i) {
      const auto x = call.input<Number>(i);
      shape = i == 0 ? x.shape : joinedShape(shape, x.shape);
      given.push_back({x, call.input(parts + i, x.channels()).data});
    }
    const float* factor = call.has(2 * parts) ? call.input(2 * parts, given[0].x.channels()).data : nullptr;
    const int64_t channels = shape.empty() ? 1 : shape.back();
    Number* y = call.output<Number>(0, shape);
    withActivation<Number>(activation, [&](auto f) {
      forRows(given[0].x.rows(), channels, [&](int64_t row) {
        Number* to = y + row * channels;
        for (const auto& [x, bias] : given) {
          const int64_t width = x.channels();
          forEach(width, [&, from = x.data + row * width, shift = bias](auto v, int64_t c) {
            using V = decltype(v);
            V z = load<V>(from + c);
            if (factor) z *= load<V>(factor + c);
            store(to + c, f.value(z + load<V>(shift + c)));
          });
          to += width;
        }
      });
    });
  }
};

// Of what was given before the bias, or without one of what came out.
struct AddBiasGrad : WithActivation {
  TF_DataType type;
  std::vector<int64_t> widths;

  explicit AddBiasGrad(Attributes& attributes)
      : WithActivation(attributes), type(attributes.type("T")),
        widths(attributes.integers("widths", static_cast<int>(attributes.integer("parts", 1)), 0)) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) { slopes<decltype(number)>(call); });
  }

 private:
  template <class Number>
  void slopes(Call& call) const {
    const auto x = call.input<Number>(1), dy = call.input<Number>(0, x.size());
    const int64_t channels = x.channels();
    if (std::accumulate(widths.begin(), widths.end(), int64_t{0}) != channels) {
      throw std::invalid_argument("the parts are not those of " + std::to_string(channels) + " channels");
    }
    const float* bias = call.has(2) ? call.input(2, channels).data : nullptr;
    const int parts = static_cast<int>(widths.size());
    std::vector<Number*> dx;
    std::vector<float*> dBias;
    for (int i = 0; i < parts; ++i) {
      Shape shape = x.shape;
      if (!shape.empty()) shape.back() = widths[i];
      dx.push_back(call.output<Number>(i, shape));
      dBias.push_back(call.output(parts + i, {widths[i]}));
    }
    withActivation<Number>(activation, [&](auto f) {
      const std::vector<double> sums = columnSums(x.rows(), channels, [&](int64_t row, float* sum) {
        const Number *given = x.data + row * channels, *slopes = dy.data + row * channels;
        const float* shift = bias;
        for (int i = 0; i < parts; ++i) {
          const int64_t width = widths[i];
          forEach(width, [&, to = dx[i] + row * width](auto v, int64_t c) {
            using V = decltype(v);
            V z = load<V>(given + c);
            if (shift) z += load<V>(shift + c);
            const V slope = load<V>(slopes + c) * f.slope(z);
            store(to + c, slope);
            store(sum + c, load<V>(sum + c) + slope);
          });
          given += width, slopes += width, sum += width;
          if (shift) shift += width;
        }
      });
      auto from = sums.begin();
      for (int i = 0; i < parts; from += widths[i++]) std::copy_n(from, widths[i], dBias[i]);
    });
  }
};

// What a vector that was added to every row gets.
struct BiasGrad {
  explicit BiasGrad(Attributes&) {}

  void compute(Call& call) const {
    const Input dy = call.input(0);
    const int64_t channels = dy.channels();
    float* dBias = call.output(0, {channels});
    Values(dy).from(0, [&](const auto* slope) {
      const std::vector<double> sums = columnSums(dy.rows(), channels, [&](int64_t row, float* sum) {
        forEach(channels, [&](auto v, int64_t c) {
          using V = decltype(v);
          store(sum + c, load<V>(sum + c) + load<V>(slope + row * channels + c));
        });
      });
      std::copy(sums.begin(), sums.end(), dBias);
    });
  }
};

struct Add {
  TF_DataType type;

  explicit Add(Attributes& attributes) : type(attributes.type("T")) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) {
      using Number = decltype(number);
      const auto a = call.input<Number>(0), b = call.input<Number>(1, a.size());
      Number* y = call.output<Number>(0, a.shape);
      parallel(piecesOfRows(a.size(), 1), [&](int64_t, int64_t begin, int64_t end) {
        forEach(end - begin, [&](auto v, int64_t i) {
          using V = decltype(v);
          store(y + begin + i, load<V>(a.data + begin + i) + load<V>(b.data + begin + i));
        });
      });
    });
  }
};

// x * factor, where the factor is one for each photo and channel.
struct ChannelScale {
  TF_DataType type;

  explicit ChannelScale(Attributes& attributes) : type(attributes.type("T")) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) {
      using Number = decltype(number);
      const auto x = call.input<Number>(0);
      const Input factor = factors(call, 1, x);
      const int64_t channels = x.channels(), places = x.rows() / std::max<int64_t>(1, x.shape[0]);
      Number* y = call.output<Number>(0, x.shape);
      forRows(x.rows(), channels, [&](int64_t row) {
        forEach(channels, [&, by = factor.data + row / places * channels](auto v, int64_t c) {
          using V = decltype(v);
          store(y + row * channels + c, load<V>(x.data + row * channels + c) * load<V>(by + c));
        });
      });
    });
  }

  template <class Number>
  static Input factors(Call& call, int index, const InputOf<Number>& x) {
    if (x.shape.empty()) throw std::invalid_argument("a single number has no channels");
    return call.input(index, x.shape[0] * x.channels());
  }
};

struct ChannelScaleGrad {
  TF_DataType type;

  explicit ChannelScaleGrad(Attributes& attributes) : type(attributes.type("T")) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) { slopes<decltype(number)>(call); });
  }

 private:
  template <class Number>
  void slopes(Call& call) const {
    const auto x = call.input<Number>(1), dy = call.input<Number>(0, x.size());
    const Input factor = ChannelScale::factors(call, 2, x);
    const int64_t photos = x.shape[0], channels = x.channels();
    const int64_t places = photos == 0 ? 0 : x.rows() / photos;
    Number* dx = call.output<Number>(0, x.shape);
    float* dFactor = call.output(1, factor.shape);
    parallel(Pieces(photos, 1), [&](int64_t, int64_t begin, int64_t end) {
      std::vector<float> part(channels);
      for (int64_t photo = begin; photo < end; ++photo) {
        const float* by = factor.data + photo * channels;
        std::fill(part.begin(), part.end(), 0.0f);
        for (int64_t row = photo * places; row < (photo + 1) * places; ++row) {
          const int64_t start = row * channels;
          forEach(channels, [&](auto v, int64_t c) {
            using V = decltype(v);
            const V slope = load<V>(dy.data + start + c);
            store(dx + start + c, slope * load<V>(by + c));
            store(&part[c], load<V>(&part[c]) + slope * load<V>(x.data + start + c));
          });
        }
        std::copy(part.begin(), part.end(), dFactor + photo * channels);
      }
    });
  }
};

const Registration<Activate> activate("LabActivate", {{"x: float"}, {"y: float"}, {"activation: string"}});
const Registration<ActivateGrad> activateGrad("LabActivateGrad", {{"dy: float", "x: float"},
                                                                  {"dx: float"},
                                                                  {"activation: string"}});
const Registration<AddBias> addBias("LabAddBias",
                                    {{"x: parts * T", "bias: parts * float", "factor: factors * float"},
                                     {"y: T"},
                                     {"T: {float, bfloat16}", "parts: int >= 1", "activation: string", "factors: int >= 0"}});
const Registration<AddBiasGrad> addBiasGrad("LabAddBiasGrad",
                                            {{"dy: T", "x: T", "bias: biases * float"},
                                             {"dx: parts * T", "dbias: parts * float"},
                                             {"T: {float, bfloat16}", "parts: int >= 1", "widths: list(int)",
                                              "activation: string", "biases: int >= 0"}});
const Registration<BiasGrad> biasGrad("LabBiasGrad", {{"dy: T"}, {"dbias: float"}, {"T: {float, bfloat16}"}});
const Registration<Add> add("LabAdd", {{"a: T", "b: T"}, {"y: T"}, {"T: {float, bfloat16}"}});
const Registration<ChannelScale> channelScale("LabChannelScale", {{"x: T", "factor: float"}, {"y: T"}, {"T: {float, bfloat16}"}});
const Registration<ChannelScaleGrad> channelScaleGrad("LabChannelScaleGrad",
                                                      {{"dy: T", "x: T", "factor: float"},
                                                       {"dx: T", "dfactor: float"},
                                                       {"T: {float, bfloat16}"}});

}  // namespace
}  // namespace lab
