// Convolutions without groups, linear layers, and the gradients of their inputs, in bfloat16 by tiles.
#include "tiled-convolution.h"

#ifdef LAB_TILES

#include <cstring>
#include <string>

#include "epilogue.h"

namespace lab {
namespace {

// Numbers of a block of positions, which stays in a core's cache with some panels of the filter.
constexpr int64_t blockSize = 256 * 1024;

// Some positions of a grid as rows of bfloat16, phase after phase.
class Block {
 public:
  Block(const Plan& plan, int64_t positions)
      : plan_(plan), depth_(roundedUp(plan.source.channels, tileDepth)), length_(positions + plan.reach()) {
    values_.resize(static_cast<int64_t>(plan.phases.size()) * length_ * depth_);
  }

  // Rows that are as tiles want them are read where they lie.
  void fill(int64_t first) {
    const int64_t channels = plan_.source.channels;
    begin_ = values_.data();
    if (plan_.source.height == 1 && plan_.phases.size() == 1 && plan_.targets[0].taps.size() == 1 && channels == depth_ &&
        first + length_ <= plan_.source.width && plan_.values.narrow() && !plan_.gate.factors) {
      begin_ = plan_.values.narrow() + first * channels;
      return;
    }
    Bfloat16* to = values_.data();
    for (const auto& phase : plan_.phases) {
      Cursor at(plan_, first);
      for (int64_t i = 0; i < length_; ++i, to += depth_, at.next()) {
        const int64_t pixel = at.seen(phase);
        if (pixel < 0) {
          std::memset(to, 0, depth_ * sizeof(Bfloat16));
          continue;
        }
        const Gate& gate = plan_.gate;
        const float* factors = gate.factors ? gate.factors + pixel / gate.pixels * channels : nullptr;
        plan_.values.from(pixel * channels, [&](const auto* from) { layRow(from, factors, channels, depth_, to); });
      }
    }
  }

  int64_t depth() const { return depth_; }
  const Bfloat16* row(int64_t phase, int64_t position) const {
    return begin_ + (phase * length_ + position) * depth_;
  }

 private:
  const Plan& plan_;
  const Bfloat16* begin_ = nullptr;
  int64_t depth_, length_;
  Halves values_;
};

// A block of sums: its first position and its first channel.
struct Place {
  int64_t row, channel;
};

template <class Activation, class Number>
void convolve(const Plan& plan, const Filter& filter, const Epilogue<Activation>& epilogue, Number* y) {
  const int64_t out = plan.output.channels;
  const int64_t width = roundedUp(plan.source.channels, tileDepth) * static_cast<int64_t>(plan.phases.size());
  const int64_t fitting = std::min<int64_t>(1024, blockSize / width) / tilesWidth * tilesWidth;
  parallel(Pieces(roundedUp(plan.positions(), tilesWidth) / tilesWidth, 1), [&](int64_t, int64_t begin, int64_t end) {
    const int64_t atOnce = std::min((end - begin) * tilesWidth, std::max(tilesWidth, fitting));
    Block block(plan, atOnce);
    std::vector<int64_t> pixels(atOnce);
    const auto finish = [&](const Place& place, int64_t i, const float* sums) {
      const int64_t pixel = pixels[place.row + i];
      if (pixel < 0) return;
      const int64_t at = pixel * out + place.channel;
      forEach(std::min(tilesWidth, out - place.channel), [&](auto v, int64_t j) {
        store(y + at + j, epilogue.apply(load<decltype(v)>(sums + j), at + j, place.channel + j));
      });
    };
    TileBlocks<Place, decltype(finish)> blocks(finish);
    for (int64_t first = begin * tilesWidth; first < end * tilesWidth; first += atOnce) {
      const int64_t positions = std::min(atOnce, end * tilesWidth - first);
      block.fill(first);
      for (const Target& target : plan.targets) {
        Cursor at(plan, first);
        for (int64_t i = 0; i < positions; ++i, at.next()) pixels[i] = at.made(target);
        filter.forSomeChannels(target.taps.size(), [&](int64_t firstChannel, int64_t endChannel) {
          for (int64_t row = 0; row < positions; row += tilesWidth) {
            for (int64_t channel = firstChannel; channel < endChannel; channel += tilesWidth) {
              const int64_t steps = static_cast<int64_t>(target.taps.size()) * block.depth() / tileDepth;
              blocks.next({row, channel}, std::max<int64_t>(1, steps), [&](TileSums& tiles, const auto& between) {
                for (const Tap& tap : target.taps) {
                  tiles.add(block.row(tap.phase, row + tap.shift), block.depth(), filter.panel(channel, tap.place), block.depth(),
                            between);
                }
              });
            }
          }
        });
        blocks.flush();
      }
    }
  });
}

struct TiledConvolution {
  Window window;
  bool isTurned, isBackward;
  int gates;
  TF_DataType type;
  std::vector<int64_t> size;
  EpilogueOptions epilogueOptions;

  explicit TiledConvolution(Attributes& attributes)
      : window(attributes), isTurned(attributes.integer("turned", 0) > 0), isBackward(attributes.integer("backward", 0) > 0),
        gates(attributes.integer("gates", 0) > 0 ? 1 : 0), type(attributes.type("Y")), size(attributes.integers("size", 2, 1)),
        epilogueOptions(attributes) {}

  void compute(Call& call) const {
    const Input x = call.input(0);
    const InputOf<Bfloat16> filter = call.input<Bfloat16>(1);
    const bool isLinear = filter.shape.size() == 2;
    if (!isLinear && filter.shape.size() != 4) throw std::invalid_argument("a filter must have four axes");
    const size_t axis = filter.shape.size() - 2;
    const int64_t depth = filter.shape[axis + isTurned], out = filter.shape[axis + !isTurned];
    const int64_t height = isLinear ? 1 : filter.shape[0], width = isLinear ? 1 : filter.shape[1];
    if (x.shape.empty() || x.channels() != depth || depth < 1 || out < 1) {
      throw std::invalid_argument("the filter is not one of " + std::to_string(x.channels()) + " channels");
    }
    const bool isPointwise = height * width == 1 && window.isPlain();
    Shape shape = x.shape;
    shape.back() = out;
    if (!isPointwise) {
      if (shape.size() != 4) throw std::invalid_argument("an image must have four axes");
      shape[1] = size[0], shape[2] = size[1];
      window.check(isBackward ? shape : x.shape, isBackward ? x.shape : shape, height, width);
    }
    const Image source = isPointwise ? Image{1, 1, x.rows(), depth} : imageOf(x.shape);
    const Image output = isPointwise ? Image{1, 1, x.rows(), out} : imageOf(shape);

    Plan plan = (isBackward ? backwardPlan : forwardPlan)(Values(x), source, output, height, width, window);
    if (gates > 0) {
      if (x.shape.size() != 4) throw std::invalid_argument("an image must have four axes");
      plan.gate = {call.input(2, x.shape[0] * depth).data, std::max<int64_t>(1, x.shape[1] * x.shape[2])};
    }
    const Filter panels(filter.data, height * width, depth, out, isTurned);
    withNumber(type, [&](auto number) {
      using Number = decltype(number);
      epilogueOptions.with<Number>(call, 2 + gates, shape, [&](const auto& epilogue) {
        convolve(plan, panels, epilogue, call.output<Number>(0, shape));
      });
    });
  }
};

const Registration<TiledConvolution> tiledConvolution(
    "LabTiledConvolution",
    {{"x: X", "filter: bfloat16", "gate: gates * float", "bias: biases * float", "residual: residuals * R"},
     {"y: Y"},
     {"X: {float, bfloat16}", "R: {float, bfloat16} = DT_FLOAT", "Y: {float, bfloat16}", "strides: list(int)",
      "padding: list(int)", "size: list(int)", "turned: int", "backward: int", "gates: int >= 0", "biases: int >= 0",
      "residuals: int >= 0", "activation: string"}});

}  // namespace
}  // namespace lab

#endif
