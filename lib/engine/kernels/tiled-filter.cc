// The gradient of a filter in bfloat16 by tiles: for each place of the filter the product of the grid, moved to that place and
// turned, and the output's slope, summed over all positions.
#include "tiled-convolution.h"

#ifdef LAB_TILES

#include <cstring>
#include <string>

#include "rows.h"

namespace lab {
namespace {

// Numbers of some positions: they stay in a core's cache.
constexpr int64_t chunkSize = 512 * 1024;

// Some positions, of the photo as rows of a channel each, of the slope as panels.
class Chunk {
 public:
  // Of the slope, channels from `begin` to `end`.
  Chunk(const Plan& plan, const Values& slope, int64_t begin, int64_t end, int64_t positions)
      : plan_(plan), slope_(slope), begin_(begin), end_(end), positions_(positions),
        channels_(roundedUp(plan.source.channels, tilesWidth)),
        length_(roundedUp(positions + plan.reach(), tileDepth) | tileDepth) {
    photo_.resize(static_cast<int64_t>(plan.phases.size()) * channels_ * length_);
    panels_.resize(roundedUp(end - begin, tilesWidth) * positions);
  }

  // The slope of positions from `end` on counts for nothing.
  void fill(int64_t first, int64_t end) {
    fillPhoto(first);
    fillSlope(first, end);
  }

  // Adds what the filter gets to [place, channel, out], or begins to.
  void sum(TileSums& tiles, float* filter, bool isFirst) const {
    const int64_t channels = plan_.source.channels, out = plan_.output.channels;
    alignas(64) float sums[tilesWidth * tilesWidth];
    for (int64_t column = begin_; column < end_; column += tilesWidth) {
      const int64_t count = std::min(tilesWidth, end_ - column);
      const Bfloat16* panel = panels_.data() + (column - begin_) * positions_;
      for (const Tap& tap : plan_.targets[0].taps) {
        for (int64_t channel = 0; channel < channels; channel += tilesWidth) {
          tiles.clear();
          tiles.add(photo_.data() + (tap.phase * channels_ + channel) * length_ + tap.shift, length_, panel, positions_);
          tiles.read(sums);
          float* to = filter + (tap.place * channels + channel) * out + column;
          for (int64_t i = 0; i < std::min(tilesWidth, channels - channel); ++i, to += out) {
            forEach(count, [&](auto v, int64_t j) {
              using V = decltype(v);
              const V sum = load<V>(sums + i * tilesWidth + j);
              store(to + j, isFirst ? sum : load<V>(to + j) + sum);
            });
          }
        }
      }
    }
  }

 private:
  // So many numbers from here on; none where there is no pixel.
  static __m512i halvesAt(const Values& values, int64_t pixel, int64_t channels, int64_t channel, int64_t count) {
    __m512i row{};
    if (pixel >= 0) values.from(pixel * channels + channel, [&](const auto* from) { row = halves(from, count); });
    return row;
  }

  void fillPhoto(int64_t first) {
    Bfloat16* to = photo_.data();
    const int64_t channels = plan_.source.channels;
    for (const auto& phase : plan_.phases) {
      Cursor cursor(plan_, first);
      for (int64_t position = 0; position < length_; position += tileDepth) {
        int64_t pixels[tileDepth];
        for (int64_t i = 0; i < tileDepth; ++i, cursor.next()) pixels[i] = cursor.seen(phase);
        for (int64_t channel = 0; channel < channels_; channel += tilesWidth) {
          const auto at = [&](int64_t i) {
            return halvesAt(plan_.values, pixels[i], channels, channel, channels - channel);
          };
          Bfloat16* row = to + channel * length_ + position;
          turnRows(at, [&](int64_t i, __m512i column) { _mm512_store_si512(row + i * length_, column); });
        }
      }
      to += channels_ * length_;
    }
  }

  void fillSlope(int64_t first, int64_t end) {
    const int64_t out = plan_.output.channels;
    Cursor cursor(plan_, first);
    for (int64_t position = 0; position < positions_; position += 2) {
      int64_t pixels[2];
      for (int64_t i = 0; i < 2; ++i, cursor.next()) {
        pixels[i] = first + position + i < end ? cursor.made(plan_.targets[0]) : -1;
      }
      Bfloat16* to = panels_.data() + placeInPanel(position);
      for (int64_t column = begin_; column < end_; column += tilesWidth, to += positions_ * tilesWidth) {
        const auto at = [&](int64_t i) { return halvesAt(slope_, pixels[i], out, column, end_ - column); };
        layRows(at(0), at(1), to);
      }
    }
  }

  const Plan& plan_;
  const Values& slope_;
  int64_t begin_, end_, positions_, channels_, length_;
  Halves photo_, panels_;
};

struct TiledGradFilter {
  Window window;
  std::vector<int64_t> filter;

  explicit TiledGradFilter(Attributes& attributes)
      : window(attributes), filter(attributes.integers("filter", 2, 1)) {}

  void compute(Call& call) const {
    const Input dy = call.input(0), x = call.input(1);
    const int64_t height = filter[0], width = filter[1], channels = x.channels(), out = dy.channels();
    const bool isPointwise = height * width == 1 && window.isPlain();
    if (!isPointwise) {
      window.check(x.shape, dy.shape, height, width);
    } else if (x.rows() != dy.rows()) {
      throw std::invalid_argument("the slope is not one of " + std::to_string(x.rows()) + " rows");
    }
    const Image photo = isPointwise ? Image{1, 1, x.rows(), channels} : imageOf(x.shape);
    const Image output = isPointwise ? Image{1, 1, dy.rows(), out} : imageOf(dy.shape);
    float* dFilter = call.output(0, {height, width, channels, out});
    const int64_t size = height * width * channels * out;
    if (photo.size() == 0 || output.size() == 0) return std::fill(dFilter, dFilter + size, 0.0f);

    const Plan plan = forwardPlan(Values(x), photo, output, height, width, window);
    const Values slope(dy);
    const int64_t positions = roundedUp(plan.positions(), tileDepth);
    const int64_t panels = roundedUp(out, tilesWidth) / tilesWidth;
    // Threads share the output's channels where sums of their own would be larger than what they have in common.
    if (size > photo.size() && panels >= threadCount()) {
      const Pieces pieces(panels, roundedUp(panels, threadCount()) / threadCount());
      parallel(pieces, [&](int64_t, int64_t begin, int64_t end) {
        sumUp(plan, slope, begin * tilesWidth, std::min(out, end * tilesWidth), 0, positions, dFilter);
      });
      return;
    }
    const int64_t steps = positions / tileDepth;
    const Pieces pieces(steps, roundedUp(steps, threadCount()) / threadCount());
    sumOfPieces(pieces, size, dFilter, [&](float* sums, int64_t begin, int64_t end) {
      sumUp(plan, slope, 0, out, begin * tileDepth, end * tileDepth, sums);
    });
  }

 private:
  static void sumUp(const Plan& plan, const Values& slope, int64_t firstChannel, int64_t endChannel, int64_t begin,
                    int64_t end, float* filter) {
    const int64_t phases = static_cast<int64_t>(plan.phases.size());
    const int64_t width = plan.source.channels * phases + endChannel - firstChannel;
    const int64_t fitting = std::max<int64_t>(2 * tileDepth, std::min<int64_t>(4096, chunkSize / width));
    const int64_t chunks = roundedUp(end - begin, fitting) / fitting;
    const int64_t positions = roundedUp((end - begin + chunks - 1) / chunks, tileDepth);
    Chunk chunk(plan, slope, firstChannel, endChannel, positions);
    TileSums tiles;
    for (int64_t first = begin; first < end; first += positions) {
      chunk.fill(first, end);
      chunk.sum(tiles, filter, first == begin);
    }
  }
};

const Registration<TiledGradFilter> tiledGradFilter("LabTiledGradFilter",
                                                    {{"dy: D", "x: X"},
                                                     {"dfilter: float"},
                                                     {"D: {float, bfloat16}", "X: {float, bfloat16}", "strides: list(int)",
                                                      "padding: list(int)", "filter: list(int)"}});

}  // namespace
}  // namespace lab

#endif
