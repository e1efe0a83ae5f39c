// A convolution of single places that widens, and the depthwise one that takes what comes out, in bfloat16 by tiles: what is
// between them, some channels of some rows at a time, does not leave a core's cache. And the mean of each photo and channel
// of what comes out.
#include "tiled-convolution.h"

#ifdef LAB_TILES

#include <cstring>

#include "activations.h"
#include "depthwise.h"

namespace lab {
namespace {

// What a core's cache holds beside the photo's rows.
constexpr int64_t bandBytes = 512 * 1024;

// Filter and bias of every channel, 32 channels after 32 channels, the last of which are filled up with zeros.
struct DepthwisePanels {
  int64_t height, width;
  std::vector<float> filters, biases;

  DepthwisePanels(const Input& filter, const Input& bias, int64_t panels)
      : height(filter.shape[0]), width(filter.shape[1]), filters(panels * places() * tilesWidth), biases(panels * tilesWidth) {
    const int64_t channels = bias.size();
    std::copy_n(bias.data, channels, biases.begin());
    for (int64_t place = 0; place < places(); ++place) {
      for (int64_t c = 0; c < channels; ++c) {
        filters[(c / tilesWidth * places() + place) * tilesWidth + c % tilesWidth] = filter.data[place * channels + c];
      }
    }
  }

  int64_t places() const { return height * width; }
};

struct Task {
  Values x;
  Image source, output;
  const Filter& expansion;
  const float* bias;
  const DepthwisePanels& depthwise;
  Window window;
  Bfloat16* y;
  float* means;
};

// Makes some rows of output at a time, which see a band of the photo with zeros around it.
template <class Activation>
class Worker {
 public:
  Worker(const Task& task, Activation f)
      : task_(task), f_(f), window_(task.window), depth_(roundedUp(task.source.channels, tileDepth)),
        outputWidth_(roundedUp(task.output.width, 4)),
        width_(std::max(task.window.left + task.source.width, (outputWidth_ - 1) * task.window.strideX + task.depthwise.width)) {
    window_.top = window_.bottom = window_.left = window_.right = 0;
    const int64_t rowBytes = width_ * tilesWidth * static_cast<int64_t>(sizeof(Bfloat16));
    const int64_t fitting = (bandBytes / rowBytes - task.depthwise.height) / window_.strideY + 1;
    const int64_t bands = (task.output.height - 1) / std::max<int64_t>(1, fitting) + 1;
    outputRows_ = (task.output.height + bands - 1) / bands;
    const int64_t rows = rowsSeen(outputRows_);
    band_.resize(rows * width_ * tilesWidth);
    std::memset(band_.data(), 0, rows * rowBytes);
    pixels_.resize(roundedUp(rows * task.source.width, tilesWidth) * depth_);
    line_.resize(outputWidth_ * tilesWidth);
  }

  void make(int64_t photo, int64_t beginPanel, int64_t endPanel) {
    const int64_t channels = task_.output.channels, begin = beginPanel * tilesWidth;
    const int64_t end = std::min(channels, endPanel * tilesWidth);
    float* means = task_.means + photo * channels;
    std::fill(means + begin, means + end, 0.0f);
    for (int64_t row = 0; row < task_.output.height; row += outputRows_) {
      const int64_t rows = std::min(outputRows_, task_.output.height - row);
      const int64_t origin = row * window_.strideY - task_.window.top;
      const Sizes sizes = sizesOf(rows);
      fill(photo, origin, sizes.height);
      for (int64_t channel = begin; channel < end; channel += tilesWidth) {
        expand(channel);
        filter(photo, row, sizes, channel, means + channel);
      }
    }
    for (int64_t c = begin; c < end; ++c) means[c] /= static_cast<float>(task_.output.height * task_.output.width);
  }

 private:
  int64_t rowsSeen(int64_t outputs) const { return (outputs - 1) * window_.strideY + task_.depthwise.height; }

  // Of a band that so many rows of output see.
  Sizes sizesOf(int64_t outputs) const {
    const Shape filter{task_.depthwise.height, task_.depthwise.width, tilesWidth, 1};
    Sizes sizes({1, rowsSeen(outputs), width_, tilesWidth}, filter, window_);
    sizes.outWidth = outputWidth_;
    return sizes;
  }

  // Fetches the pixels of so many rows from `origin` on; rows of the band that are not the photo's become zeros.
  void fill(int64_t photo, int64_t origin, int64_t rows) {
    const Image& source = task_.source;
    const int64_t first = std::max<int64_t>(0, origin), last = std::min(source.height, origin + rows);
    const int64_t rowSize = width_ * tilesWidth;
    places_.clear();
    for (int64_t row = 0; row < rows; ++row) {
      if (origin + row < 0 || origin + row >= source.height) {
        std::memset(band_.data() + row * rowSize, 0, rowSize * sizeof(Bfloat16));
        continue;
      }
      for (int64_t x = 0; x < source.width; ++x) places_.push_back(row * rowSize + (task_.window.left + x) * tilesWidth);
    }
    if (last <= first) return;
    Bfloat16* to = pixels_.data();
    const int64_t pixel = (photo * source.height + first) * source.width, count = (last - first) * source.width;
    task_.x.from(pixel * source.channels, [&](const auto* from) {
      for (int64_t i = 0; i < count; ++i, from += source.channels, to += depth_) {
        layRow(from, nullptr, source.channels, depth_, to);
      }
    });
  }

  // Fills the band with 32 channels of the wider photo.
  void expand(int64_t channel) {
    const int64_t pixels = static_cast<int64_t>(places_.size());
    alignas(64) float bias[tilesWidth] = {};
    std::copy_n(task_.bias + channel, std::min(tilesWidth, task_.output.channels - channel), bias);
    const Wide low = load<Wide>(bias), high = load<Wide>(bias + tileWidth);
    const auto finish = [&](int64_t first, int64_t i, const float* sums) {
      if (first + i >= pixels) return;
      Bfloat16* to = band_.data() + places_[first + i];
      store(to, f_.value(load<Wide>(sums) + low));
      store(to + tileWidth, f_.value(load<Wide>(sums + tileWidth) + high));
    };
    TileBlocks<int64_t, decltype(finish)> blocks(finish);
    for (int64_t pixel = 0; pixel < pixels; pixel += tilesWidth) {
      blocks.next(pixel, depth_ / tileDepth, [&](TileSums& tiles, const auto& between) {
        tiles.add(pixels_.data() + pixel * depth_, depth_, task_.expansion.panel(channel, 0), depth_, between);
      });
    }
    blocks.flush();
  }

  // Filters 32 channels of the band, and adds up what comes out.
  void filter(int64_t photo, int64_t firstRow, const Sizes& sizes, int64_t channel, float* total) {
    const DepthwisePanels& depthwise = task_.depthwise;
    const Image& output = task_.output;
    const int64_t count = std::min(tilesWidth, output.channels - channel);
    for (int64_t row = 0; row < sizes.outHeight; ++row) {
      filterRow(band_.data(), &depthwise.filters[channel * depthwise.places()], &depthwise.biases[channel], sizes, window_,
                row * window_.strideY, line_.data());
      Bfloat16* y = task_.y + ((photo * output.height + firstRow + row) * output.width) * output.channels + channel;
      forEach(count, [&](auto v, int64_t i) {
        using V = decltype(v);
        V sum{};
        for (int64_t column = 0; column < output.width; ++column) {
          const V value = f_.value(load<V>(&line_[column * tilesWidth + i]));
          store(y + column * output.channels + i, value);
          sum += value;
        }
        store(total + i, load<V>(total + i) + sum);
      });
    }
  }

  const Task& task_;
  Activation f_;
  // That of the depthwise convolution, for which the zeros are there.
  Window window_;
  // Rows of output are so wide that columns are worked on several at a time; those too many are of zeros to the right.
  int64_t depth_, outputWidth_, width_, outputRows_;
  Halves band_, pixels_;
  std::vector<float> line_;
  // Where in the band the pixels are.
  std::vector<int64_t> places_;
};

struct ExpandedDepthwise {
  Window window;
  std::string activation;

  explicit ExpandedDepthwise(Attributes& attributes) : window(attributes), activation(attributes.text("activation")) {}

  void compute(Call& call) const {
    const Input x = call.input(0);
    if (x.shape.size() != 4) throw std::invalid_argument("an image must have four axes");
    const int64_t depth = x.channels();
    const InputOf<Bfloat16> weight = call.input<Bfloat16>(1);
    const int64_t wide = weight.channels();
    if (depth < 1 || wide < 1 || weight.size() != depth * wide) {
      throw std::invalid_argument("the filter is not one of single places of " + std::to_string(depth) + " channels");
    }
    const Input bias = call.input(2, wide), filter = call.input(3), filterBias = call.input(4, wide);
    Shape middle = x.shape;
    middle.back() = wide;
    const Sizes sizes(middle, filter.shape, window);
    if (std::max(window.top, window.bottom) >= sizes.filterHeight || std::max(window.left, window.right) >= sizes.filterWidth) {
      throw std::invalid_argument("the window sees nothing but padding");
    }

    const Filter expansion(weight.data, 1, depth, wide, false);
    const int64_t panels = roundedUp(wide, tilesWidth) / tilesWidth;
    const DepthwisePanels depthwise(filter, filterBias, panels);
    const Task task{Values(x),
                    imageOf(x.shape),
                    imageOf(sizes.output()),
                    expansion,
                    bias.data,
                    depthwise,
                    window,
                    call.output<Bfloat16>(0, sizes.output()),
                    call.output(1, {sizes.batch, 1, 1, wide})};
    withActivation<Bfloat16>(activation, [&](auto f) {
      parallel(Pieces(sizes.batch * panels, 1), [&](int64_t, int64_t begin, int64_t end) {
        Worker<decltype(f)> worker(task, f);
        for (int64_t i = begin; i < end;) {
          const int64_t photo = i / panels, first = i % panels, count = std::min(panels - first, end - i);
          worker.make(photo, first, first + count);
          i += count;
        }
      });
    });
  }
};

const Registration<ExpandedDepthwise> expandedDepthwise(
    "LabExpandedDepthwise",
    {{"x: X", "weight: bfloat16", "bias: float", "filter: float", "filter_bias: float"},
     {"y: bfloat16", "mean: float"},
     {"X: {float, bfloat16}", "strides: list(int)", "padding: list(int)", "activation: string"}});

}  // namespace
}  // namespace lab

#endif
