// Activations by themselves, after a bias, and after a factor and a shift by channel.
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

// activation(x + bias), or with a factor activation(x * factor + bias).
struct AddBias : WithActivation {
  TF_DataType type;

  explicit AddBias(Attributes& attributes) : WithActivation(attributes), type(attributes.type("T")) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) {
      using Number = decltype(number);
      const auto x = call.input<Number>(0);
      const int64_t channels = x.channels();
      const Input bias = call.input(1, channels);
      const float* factor = call.has(2) ? call.input(2, channels).data : nullptr;
      Number* y = call.output<Number>(0, x.shape);
      withActivation<Number>(activation, [&](auto f) {
        forRows(x.rows(), channels, [&](int64_t row) {
          const int64_t start = row * channels;
          forEach(channels, [&](auto v, int64_t c) {
            using V = decltype(v);
            V z = load<V>(x.data + start + c);
            if (factor) z *= load<V>(factor + c);
            store(y + start + c, f.value(z + load<V>(bias.data + c)));
          });
        });
      });
    });
  }
};

struct AddBiasGrad : WithActivation {
  TF_DataType type;

  explicit AddBiasGrad(Attributes& attributes) : WithActivation(attributes), type(attributes.type("T")) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) {
      using Number = decltype(number);
      const auto x = call.input<Number>(1), dy = call.input<Number>(0, x.size());
      const int64_t channels = x.channels();
      const Input bias = call.input(2, channels);
      Number* dx = call.output<Number>(0, x.shape);
      float* dBias = call.output(1, bias.shape);
      withActivation<Number>(activation, [&](auto f) {
        const std::vector<double> sums = columnSums(x.rows(), channels, [&](int64_t row, float* sum) {
          const int64_t start = row * channels;
          forEach(channels, [&](auto v, int64_t c) {
            using V = decltype(v);
            const V z = load<V>(x.data + start + c) + load<V>(bias.data + c);
            const V slope = load<V>(dy.data + start + c) * f.slope(z);
            store(dx + start + c, slope);
            store(sum + c, load<V>(sum + c) + slope);
          });
        });
        for (int64_t c = 0; c < channels; ++c) dBias[c] = static_cast<float>(sums[c]);
      });
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
const Registration<AddBias> addBias("LabAddBias", {{"x: T", "bias: float", "factor: factors * float"},
                                                   {"y: T"},
                                                   {"T: {float, bfloat16}", "activation: string", "factors: int >= 0"}});
const Registration<AddBiasGrad> addBiasGrad("LabAddBiasGrad", {{"dy: T", "x: T", "bias: float"},
                                                               {"dx: T", "dbias: float"},
                                                               {"T: {float, bfloat16}", "activation: string"}});
const Registration<BiasGrad> biasGrad("LabBiasGrad", {{"dy: T"}, {"dbias: float"}, {"T: {float, bfloat16}"}});
const Registration<Add> add("LabAdd", {{"a: T", "b: T"}, {"y: T"}, {"T: {float, bfloat16}"}});
const Registration<ChannelScale> channelScale("LabChannelScale", {{"x: T", "factor: float"}, {"y: T"}, {"T: {float, bfloat16}"}});
const Registration<ChannelScaleGrad> channelScaleGrad("LabChannelScaleGrad",
                                                      {{"dy: T", "x: T", "factor: float"},
                                                       {"dx: T", "dfactor: float"},
                                                       {"T: {float, bfloat16}"}});

}  // namespace
}  // namespace lab
