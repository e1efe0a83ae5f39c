// Batch normalisation (Ioffe and Szegedy 2015, arXiv:1502.03167) in training, with the concatenation before it or the
// residual sum after it and the activation, and layer normalisation (Ba et al. 2016, arXiv:1607.06450).
#include <cmath>
#include <cstring>

#include "activations.h"
#include "kernel.h"
#include "rows.h"

namespace lab {
namespace {

// y = activation(x * factor + shift + residual), all but x and the residual by channel.
struct Affine {
  std::vector<float> factor, shift;

  template <class V, class Number>
  V at(const Number* x, int64_t c) const {
    return load<V>(x + c) * load<V>(&factor[c]) + load<V>(&shift[c]);
  }
};

Affine affineOf(const float* scale, const float* offset, const float* mean, const float* inverse, int64_t channels) {
  Affine affine{std::vector<float>(channels), std::vector<float>(channels)};
  for (int64_t c = 0; c < channels; ++c) {
    affine.factor[c] = scale[c] * inverse[c];
    affine.shift[c] = offset[c] - mean[c] * affine.factor[c];
  }
  return affine;
}

struct BatchNorm {
  TF_DataType type;
  std::string activation;
  float epsilon, momentum;

  explicit BatchNorm(Attributes& attributes)
      : type(attributes.type("T")),
        activation(attributes.text("activation")),
        epsilon(attributes.number("epsilon")),
        momentum(attributes.number("momentum")) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) {
      const auto x = call.input<decltype(number)>(0);
      normalise(call, x, 1, inputResidual(call, 5, x), [](int64_t) {});
    });
  }

  template <class Number>
  static const Number* inputResidual(Call& call, int index, const InputOf<Number>& x) {
    return call.has(index) ? call.input<Number>(index, x.size()).data : nullptr;
  }

 protected:
  // The parameters are inputs from `parameter` on; `prepare(row)` writes a row of x before it is read.
  template <class Number, class Prepare>
  void normalise(Call& call, const InputOf<Number>& x, int parameter, const Number* residual, const Prepare& prepare) const {
    const int64_t rows = x.rows(), channels = x.channels();
    if (rows == 0) throw std::invalid_argument("an empty batch has no statistics");
    const Input scale = call.input(parameter, channels), offset = call.input(parameter + 1, channels);
    const Input runningMean = call.input(parameter + 2, channels), runningVariance = call.input(parameter + 3, channels);
    Number* y = call.output<Number>(0, x.shape);
    float* newMean = call.output(1, scale.shape);
    float* newVariance = call.output(2, scale.shape);
    float* mean = call.output(3, scale.shape);
    float* inverse = call.output(4, scale.shape);

    // Deviations from the first row, so that nothing cancels where the mean is large.
    prepare(0);
    std::vector<float> origin(channels);
    for (int64_t c = 0; c < channels; ++c) origin[c] = load<float>(x.data + c);
    const std::vector<double> sums = columnSums(rows, 2 * channels, [&](int64_t row, float* sum) {
      if (row > 0) prepare(row);
      forEach(channels, [&, from = x.data + row * channels](auto v, int64_t c) {
        using V = decltype(v);
        const V deviation = load<V>(from + c) - load<V>(&origin[c]);
        store(sum + c, load<V>(sum + c) + deviation);
        store(sum + channels + c, load<V>(sum + channels + c) + deviation * deviation);
      });
    });
    for (int64_t c = 0; c < channels; ++c) {
      const double deviation = sums[c] / rows;
      const double variance = std::max(sums[channels + c] / rows - deviation * deviation, 0.0);
      const double unbiased = variance * rows / std::max<int64_t>(rows - 1, 1);
      mean[c] = static_cast<float>(origin[c] + deviation);
      inverse[c] = static_cast<float>(1 / std::sqrt(variance + epsilon));
      newMean[c] = (1 - momentum) * runningMean.data[c] + momentum * mean[c];
      newVariance[c] = (1 - momentum) * runningVariance.data[c] + momentum * static_cast<float>(unbiased);
    }

    const Affine affine = affineOf(scale.data, offset.data, mean, inverse, channels);
    withActivation<Number>(activation, [&](auto f) {
      forRows(rows, channels, [&](int64_t row) {
        const int64_t start = row * channels;
        forEach(channels, [&](auto v, int64_t c) {
          using V = decltype(v);
          V z = affine.at<V>(x.data + start, c);
          if (residual) z += load<V>(residual + start + c);
          store(y + start + c, f.value(z));
        });
      });
    });
  }
};

// Two values side by side.
template <class Number>
struct Joint {
  InputOf<Number> first, second;
  Shape shape;

  explicit Joint(Call& call)
      : first(call.input<Number>(0)), second(call.input<Number>(1)), shape(joinedShape(first.shape, second.shape)) {}

  void copyRow(int64_t row, Number* target) const {
    std::memcpy(target, first.data + row * first.channels(), sizeof(Number) * first.channels());
    std::memcpy(target + first.channels(), second.data + row * second.channels(), sizeof(Number) * second.channels());
  }
};

struct JoinedBatchNorm : BatchNorm {
  using BatchNorm::BatchNorm;

  void compute(Call& call) const {
    withNumber(type, [&](auto number) {
      using Number = decltype(number);
      const Joint<Number> joint(call);
      Number* joined = call.output<Number>(5, joint.shape);
      const int64_t channels = joint.shape.back();
      const auto join = [&](int64_t row) { joint.copyRow(row, joined + row * channels); };
      normalise<Number>(call, {joined, joint.shape, type}, 2, nullptr, join);
    });
  }
};

// activation(joined * factor + shift), by channel, and what is joined.
struct JoinedAffine {
  TF_DataType type;
  std::string activation;

  explicit JoinedAffine(Attributes& attributes) : type(attributes.type("T")), activation(attributes.text("activation")) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) { join<decltype(number)>(call); });
  }

 private:
  template <class Number>
  void join(Call& call) const {
    const Joint<Number> joint(call);
    const InputOf<Number> whole{nullptr, joint.shape, type};
    const int64_t channels = whole.channels();
    const Input factor = call.input(2, channels), shift = call.input(3, channels);
    Number* y = call.output<Number>(0, joint.shape);
    Number* joined = call.output<Number>(1, joint.shape);
    withActivation<Number>(activation, [&](auto f) {
      forRows(whole.rows(), channels, [&](int64_t row) {
        Number* x = joined + row * channels;
        joint.copyRow(row, x);
        forEach(channels, [&](auto v, int64_t c) {
          using V = decltype(v);
          store(y + row * channels + c, f.value(load<V>(x + c) * load<V>(factor.data + c) + load<V>(shift.data + c)));
        });
      });
    });
  }
};

struct BatchNormGrad {
  TF_DataType type;
  std::string activation;

  explicit BatchNormGrad(Attributes& attributes) : type(attributes.type("T")), activation(attributes.text("activation")) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) {
      using Number = decltype(number);
      const auto x = call.input<Number>(1);
      const Number* residual = BatchNorm::inputResidual(call, 6, x);
      Number* dx = call.output<Number>(0, x.shape);
      Number* dResidual = residual ? call.output<Number>(3, x.shape) : nullptr;
      slopes<Number>(call, x, residual, dResidual, nullptr, {{dx, x.channels()}});
    });
  }

 protected:
  // Where the slopes of so many of the channels go.
  template <class Number>
  struct Part {
    Number* to;
    int64_t width;
  };

  // `more` is added to the slopes of x, which are written in parts.
  template <class Number>
  void slopes(Call& call, const InputOf<Number>& x, const Number* residual, Number* dResidual, const Number* more,
              const std::vector<Part<Number>>& parts) const {
    const InputOf<Number> dy = call.input<Number>(0, x.size());
    const int64_t rows = x.rows(), channels = x.channels();
    const Input scale = call.input(2, channels), offset = call.input(3, channels);
    const Input mean = call.input(4, channels), inverse = call.input(5, channels);
    float* dScale = call.output(1, scale.shape);
    float* dOffset = call.output(2, scale.shape);
    const Affine affine = affineOf(scale.data, offset.data, mean.data, inverse.data, channels);

    withActivation<Number>(activation, [&](auto f) {
      // What reaches the sum of normalised values and residual.
      const auto through = [&](auto v, int64_t start, int64_t c) {
        using V = decltype(v);
        V z = affine.at<V>(x.data + start, c);
        if (residual) z += load<V>(residual + start + c);
        return load<V>(dy.data + start + c) * f.slope(z);
      };
      const std::vector<double> sums = columnSums(rows, 2 * channels, [&](int64_t row, float* sum) {
        const int64_t start = row * channels;
        forEach(channels, [&](auto v, int64_t c) {
          using V = decltype(v);
          const V slope = through(v, start, c);
          const V centred = load<V>(x.data + start + c) - load<V>(mean.data + c);
          store(sum + c, load<V>(sum + c) + slope);
          store(sum + channels + c, load<V>(sum + channels + c) + slope * centred);
          if (residual) store(dResidual + start + c, slope);
        });
      });
      std::vector<float> constant(channels), linear(channels);
      for (int64_t c = 0; c < channels; ++c) {
        const double factor = affine.factor[c], reciprocal = inverse.data[c];
        dOffset[c] = static_cast<float>(sums[c]);
        dScale[c] = static_cast<float>(sums[channels + c] * reciprocal);
        constant[c] = static_cast<float>(-factor * sums[c] / rows);
        linear[c] = static_cast<float>(-factor * reciprocal * reciprocal * sums[channels + c] / rows);
      }
      forRows(rows, channels, [&](int64_t row) {
        const int64_t start = row * channels;
        int64_t first = 0;
        for (const Part<Number>& part : parts) {
          forEach(part.width, [&, to = part.to + row * part.width](auto v, int64_t i) {
            using V = decltype(v);
            const int64_t c = first + i;
            const V slope = residual ? load<V>(dResidual + start + c) : through(v, start, c);
            const V centred = load<V>(x.data + start + c) - load<V>(mean.data + c);
            V dx = slope * load<V>(&affine.factor[c]) + centred * load<V>(&linear[c]) + load<V>(&constant[c]);
            if (more) dx += load<V>(more + start + c);
            store(to + i, dx);
          });
          first += part.width;
        }
      });
    });
  }
};

// `first` is the number of channels of the first of the two that were joined.
struct JoinedBatchNormGrad : BatchNormGrad {
  int64_t first;

  explicit JoinedBatchNormGrad(Attributes& attributes)
      : BatchNormGrad(attributes), first(attributes.integer("first", 0)) {}

  void compute(Call& call) const {
    withNumber(type, [&](auto number) {
      using Number = decltype(number);
      const auto x = call.input<Number>(1), dJoined = call.input<Number>(6, x.size());
      if (first > x.channels()) throw std::invalid_argument("first is " + std::to_string(first));
      Shape left = x.shape, right = x.shape;
      left.back() = first, right.back() -= first;
      Number* dFirst = call.output<Number>(0, left);
      Number* dSecond = call.output<Number>(3, right);
      slopes<Number>(call, x, nullptr, nullptr, dJoined.data, {{dFirst, left.back()}, {dSecond, right.back()}});
    });
  }
};

// Mean and reciprocal standard deviation of a row, the variance from deviations.
struct RowStatistics {
  float mean, inverse;

  RowStatistics(const float* x, int64_t width, float epsilon) {
    mean = total(width, [&](auto v, int64_t i) { return load<decltype(v)>(x + i); }) / width;
    const float squares = total(width, [&](auto v, int64_t i) {
      const auto deviation = load<decltype(v)>(x + i) - mean;
      return deviation * deviation;
    });
    inverse = 1 / std::sqrt(squares / width + epsilon);
  }
};

struct LayerNorm {
  float epsilon;

  explicit LayerNorm(Attributes& attributes) : epsilon(attributes.number("epsilon")) {}

  void compute(Call& call) const {
    const Input x = call.input(0);
    const int64_t width = x.channels();
    const Input scale = call.input(1, width), offset = call.input(2, width);
    float* y = call.output(0, x.shape);
    forRows(x.rows(), width, [&](int64_t row) {
      const float* from = x.data + row * width;
      const RowStatistics statistics(from, width, epsilon);
      forEach(width, [&](auto v, int64_t i) {
        using V = decltype(v);
        const V normalised = (load<V>(from + i) - statistics.mean) * statistics.inverse;
        store(y + row * width + i, normalised * load<V>(scale.data + i) + load<V>(offset.data + i));
      });
    });
  }
};

struct LayerNormGrad {
  float epsilon;

  explicit LayerNormGrad(Attributes& attributes) : epsilon(attributes.number("epsilon")) {}

  void compute(Call& call) const {
    const Input x = call.input(1), dy = call.input(0, x.size());
    const int64_t width = x.channels();
    const Input scale = call.input(2, width);
    float* dx = call.output(0, x.shape);
    float* dScale = call.output(1, scale.shape);
    float* dOffset = call.output(2, scale.shape);
    const std::vector<double> sums = columnSums(x.rows(), 2 * width, [&](int64_t row, float* sum) {
      const float *from = x.data + row * width, *slope = dy.data + row * width;
      const RowStatistics statistics(from, width, epsilon);
      const auto normalised = [&](auto v, int64_t i) {
        return (load<decltype(v)>(from + i) - statistics.mean) * statistics.inverse;
      };
      const auto scaled = [&](auto v, int64_t i) {
        return load<decltype(v)>(slope + i) * load<decltype(v)>(scale.data + i);
      };
      const float average = total(width, scaled) / width;
      const auto product = [&](auto v, int64_t i) { return scaled(v, i) * normalised(v, i); };
      const float projection = total(width, product) / width;
      forEach(width, [&](auto v, int64_t i) {
        using V = decltype(v);
        const V direction = normalised(v, i), given = load<V>(slope + i);
        store(dx + row * width + i, statistics.inverse * (scaled(v, i) - average - direction * projection));
        store(sum + i, load<V>(sum + i) + given * direction);
        store(sum + width + i, load<V>(sum + width + i) + given);
      });
    });
    for (int64_t i = 0; i < width; ++i) {
      dScale[i] = static_cast<float>(sums[i]);
      dOffset[i] = static_cast<float>(sums[width + i]);
    }
  }
};

const Registration<BatchNorm> batchNorm("LabBatchNorm",
                                        {{"x: T", "scale: float", "offset: float", "mean: float", "variance: float",
                                          "residual: residuals * T"},
                                         {"y: T", "new_mean: float", "new_variance: float", "batch_mean: float",
                                          "inverse_deviation: float"},
                                         {"T: {float, bfloat16}", "activation: string", "epsilon: float", "momentum: float",
                                          "residuals: int >= 0"}});
const Registration<BatchNormGrad> batchNormGrad("LabBatchNormGrad",
                                                {{"dy: T", "x: T", "scale: float", "offset: float",
                                                  "batch_mean: float", "inverse_deviation: float",
                                                  "residual: residuals * T"},
                                                 {"dx: T", "dscale: float", "doffset: float",
                                                  "dresidual: residuals * T"},
                                                 {"T: {float, bfloat16}", "activation: string", "residuals: int >= 0"}});
const Registration<JoinedBatchNorm> joinedBatchNorm("LabJoinedBatchNorm",
                                                    {{"first: T", "second: T", "scale: float", "offset: float",
                                                      "mean: float", "variance: float"},
                                                     {"y: T", "new_mean: float", "new_variance: float",
                                                      "batch_mean: float", "inverse_deviation: float", "joined: T"},
                                                     {"T: {float, bfloat16}", "activation: string", "epsilon: float", "momentum: float"}});
const Registration<JoinedBatchNormGrad> joinedBatchNormGrad("LabJoinedBatchNormGrad",
                                                            {{"dy: T", "joined: T", "scale: float",
                                                              "offset: float", "batch_mean: float",
                                                              "inverse_deviation: float", "djoined: T"},
                                                             {"dfirst: T", "dscale: float", "doffset: float",
                                                              "dsecond: T"},
                                                             {"T: {float, bfloat16}", "activation: string", "first: int"}});
const Registration<JoinedAffine> joinedAffine("LabJoinedAffine",
                                              {{"first: T", "second: T", "factor: float", "shift: float"},
                                               {"y: T", "joined: T"},
                                               {"T: {float, bfloat16}", "activation: string"}});
const Registration<LayerNorm> layerNorm("LabLayerNorm", {{"x: float", "scale: float", "offset: float"},
                                                         {"y: float"},
                                                         {"epsilon: float"}});
const Registration<LayerNormGrad> layerNormGrad("LabLayerNormGrad",
                                                {{"dy: float", "x: float", "scale: float"},
                                                 {"dx: float", "dscale: float", "doffset: float"},
                                                 {"epsilon: float"}});

}  // namespace
}  // namespace lab
