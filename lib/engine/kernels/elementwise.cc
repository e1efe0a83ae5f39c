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
    withActivation(activation, [&](auto f) {
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
    withActivation(activation, [&](auto f) {
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
  using WithActivation::WithActivation;

  void compute(Call& call) const {
    const Input x = call.input(0);
    const int64_t channels = x.channels();
    const Input bias = call.input(1, channels);
    const float* factor = call.has(2) ? call.input(2, channels).data : nullptr;
    float* y = call.output(0, x.shape);
    withActivation(activation, [&](auto f) {
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
  }
};

struct AddBiasGrad : WithActivation {
  using WithActivation::WithActivation;

  void compute(Call& call) const {
    const Input x = call.input(1), dy = call.input(0, x.size());
    const int64_t channels = x.channels();
    const Input bias = call.input(2, channels);
    float* dx = call.output(0, x.shape);
    float* dBias = call.output(1, bias.shape);
    withActivation(activation, [&](auto f) {
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
  }
};

// The gradients of x * factor, where the factor is one for each photo and channel.
struct ChannelScaleGrad {
  explicit ChannelScaleGrad(Attributes&) {}

  void compute(Call& call) const {
    const Input x = call.input(1), dy = call.input(0, x.size());
    if (x.shape.empty()) throw std::invalid_argument("a single number has no channels");
    const int64_t photos = x.shape[0], channels = x.channels();
    const Input factor = call.input(2, photos * channels);
    const int64_t places = photos == 0 ? 0 : x.rows() / photos;
    float* dx = call.output(0, x.shape);
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
const Registration<AddBias> addBias("LabAddBias", {{"x: float", "bias: float", "factor: factors * float"},
                                                   {"y: float"},
                                                   {"activation: string", "factors: int >= 0"}});
const Registration<AddBiasGrad> addBiasGrad("LabAddBiasGrad", {{"dy: float", "x: float", "bias: float"},
                                                               {"dx: float", "dbias: float"},
                                                               {"activation: string"}});
const Registration<ChannelScaleGrad> channelScaleGrad("LabChannelScaleGrad",
                                                      {{"dy: float", "x: float", "factor: float"},
                                                       {"dx: float", "dfactor: float"},
                                                       {}});

}  // namespace
}  // namespace lab
