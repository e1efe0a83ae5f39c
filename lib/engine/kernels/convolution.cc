// What a convolution's filter gets of its output's slope: for each place (y, x) of the filter the matrix product of the
// photo, moved to that place, and the slope, summed over all positions of the output.
//
// Some output rows at a time, photo and slope are laid out in the caches as a matrix product wants them, the padding
// included, once for all places of the filter: the photo's channels in strips of a few, the slope's in panels of two vectors.
// Sums stay in registers over all these positions.
#include <algorithm>
#include <cstring>

#include "kernel.h"
#include "products.h"
#include "rows.h"
#include "vector.h"
#include "window.h"

namespace lab {
namespace {

constexpr int stripWidth = rowsAtOnce;

// Positions over which sums stay in registers.
constexpr int64_t positionsAtOnce = 400;

// Sums that all pieces of work together may keep besides the first one's.
constexpr int64_t sumsAtMost = 2 << 20;

struct Sizes {
  int64_t batch, height, width, channels, outHeight, outWidth, out, filterHeight, filterWidth, strideY, strideX, top, left;

  Sizes(const Shape& photo, const Shape& slope, const std::vector<int64_t>& filter, const Window& window)
      : filterHeight(filter[0]), filterWidth(filter[1]), strideY(window.strideY), strideX(window.strideX), top(window.top),
        left(window.left) {
    window.check(photo, slope, filterHeight, filterWidth);
    batch = photo[0], height = photo[1], width = photo[2], channels = photo[3];
    outHeight = slope[1], outWidth = slope[2], out = slope[3];
  }

  // Places of the filter side by side are taken for channels where there are fewer of these than a strip has.
  bool isFolded() const { return channels < stripWidth; }
  // Of the photo, packed: values of a position, how far apart the positions are in a row, how many there are.
  int64_t values() const { return isFolded() ? filterWidth * channels : channels; }
  int64_t step() const { return isFolded() ? strideX * channels : channels; }
  int64_t packedWidth() const { return isFolded() ? outWidth : reach(outWidth, strideX, filterWidth); }
  int64_t paddedWidth() const { return reach(outWidth, strideX, filterWidth); }
  int64_t moves() const { return isFolded() ? 1 : filterWidth; }
  int64_t strips() const { return (values() + stripWidth - 1) / stripWidth; }
  int64_t filterSize() const { return filterHeight * filterWidth * channels * out; }

  static int64_t reach(int64_t outputs, int64_t stride, int64_t filter) { return (outputs - 1) * stride + filter; }
};

// Rows of the output that are worked on at once: some of one photo, or all of several.
struct Chunks {
  int64_t rows, photos, inPhoto, number;

  explicit Chunks(const Sizes& s) {
    const int64_t wanted = std::max<int64_t>(1, positionsAtOnce / s.outWidth);
    rows = std::min(wanted, s.outHeight);
    photos = std::min(s.batch, std::max<int64_t>(1, wanted / s.outHeight));
    inPhoto = (s.outHeight + rows - 1) / rows;
    number = inPhoto * ((s.batch + photos - 1) / photos);
  }
};

class Chunk {
 public:
  explicit Chunk(const Sizes& sizes) : s(sizes) {}

  void pack(const float* x, const float* dy, const Chunks& chunks, int64_t index) {
    const int64_t firstPhoto = index / chunks.inPhoto * chunks.photos, firstRow = index % chunks.inPhoto * chunks.rows;
    const int64_t photos = std::min(chunks.photos, s.batch - firstPhoto);
    const int64_t rows = std::min(chunks.rows, s.outHeight - firstRow);
    const int64_t packedRows = Sizes::reach(rows, s.strideY, s.filterHeight);
    stripSize_ = photos * packedRows * s.packedWidth() * stripWidth;
    strips_.resize(stripSize_ * s.strips());
    // These rows follow one another in memory, whether they are of one photo or of several.
    const float* slope = dy + (firstPhoto * s.outHeight + firstRow) * s.outWidth * s.out;
    slopes_.pack({slope, s.out, 1}, photos * rows * s.outWidth, s.out);
    line_.assign(s.paddedWidth() * s.channels + stripWidth, 0.0f);
    starts_.clear();
    for (int64_t photo = 0; photo < photos; ++photo) {
      for (int64_t row = 0; row < packedRows; ++row) {
        const int64_t y = firstRow * s.strideY - s.top + row;
        packPhotoRow(x, firstPhoto + photo, y, (photo * packedRows + row) * s.packedWidth() * stripWidth);
      }
      for (int64_t row = 0; row < rows; ++row) {
        starts_.push_back((photo * packedRows + row * s.strideY) * s.packedWidth() * stripWidth);
      }
    }
  }

  // Adds up what the filter gets, or begins to.
  void sum(float* filter, bool isFirst) const {
    for (int64_t strip = 0; strip < s.strips(); ++strip) {
      const int64_t firstValue = strip * stripWidth;
      const int64_t values = std::min<int64_t>(stripWidth, s.values() - firstValue);
      for (int64_t column = 0; column < s.out; column += panelWidth) {
        const float* right = slopes_.panel(column);
        const int64_t columns = std::min<int64_t>(panelWidth, s.out - column);
        for (int64_t y = 0; y < s.filterHeight; ++y) {
          for (int64_t x = 0; x < s.moves(); ++x) {
            const float* left = strips_.data() + strip * stripSize_ + (y * s.packedWidth() + x) * stripWidth;
            float* to = filter + ((y * s.moves() + x) * s.values() + firstValue) * s.out + column;
            if (columns > lanes<Wide>) {
              tile<2>(left, right, to, values, columns, isFirst);
            } else {
              tile<1>(left, right, to, values, columns, isFirst);
            }
          }
        }
      }
    }
  }

 private:
  void packPhotoRow(const float* x, int64_t photo, int64_t y, int64_t to) {
    const bool isInside = y >= 0 && y < s.height;
    const int64_t columns = std::max<int64_t>(0, std::min(s.width, s.paddedWidth() - s.left));
    if (isInside && columns > 0) {
      std::memcpy(&line_[s.left * s.channels], x + (photo * s.height + y) * s.width * s.channels,
                  sizeof(float) * columns * s.channels);
    }
    for (int64_t strip = 0; strip < s.strips(); ++strip) {
      float* place = &strips_[strip * stripSize_ + to];
      const int64_t count = std::min<int64_t>(stripWidth, s.values() - strip * stripWidth);
      if (!isInside) {
        std::fill(place, place + s.packedWidth() * stripWidth, 0.0f);
        continue;
      }
      const float* from = &line_[strip * stripWidth];
      for (int64_t i = 0; i < s.packedWidth(); ++i, place += stripWidth, from += s.step()) {
        std::memcpy(place, from, sizeof(float) * stripWidth);
        for (int64_t j = count; j < stripWidth; ++j) place[j] = 0;
      }
    }
  }

  template <int vectors>
  void tile(const float* strip, const float* panel, float* to, int64_t values, int64_t columns, bool isFirst) const {
    const int64_t step = (s.isFolded() ? 1 : s.strideX) * stripWidth;
    Wide sums[stripWidth][2] = {};
    for (const int64_t start : starts_) {
      addProduct<stripWidth, vectors>({strip + start, 1, step}, panel, s.outWidth, sums);
      panel += s.outWidth * panelWidth;
    }
    for (int64_t j = 0; j < values; ++j, to += s.out) {
      float line[panelWidth];
      store(line, sums[j][0]);
      store(line + lanes<Wide>, sums[j][1]);
      forEach(columns, [&](auto v, int64_t c) {
        using V = decltype(v);
        const V sum = load<V>(line + c);
        store(to + c, isFirst ? sum : load<V>(to + c) + sum);
      });
    }
  }

  const Sizes& s;
  int64_t stripSize_ = 0;
  std::vector<float> strips_, line_;
  Panels slopes_;
  std::vector<int64_t> starts_;
};

struct ConvolutionGradFilter {
  Window window;
  std::vector<int64_t> filter;

  explicit ConvolutionGradFilter(Attributes& attributes)
      : window(attributes), filter(attributes.integers("filter", 2, 1)) {}

  void compute(Call& call) const {
    const Input x = call.input(1), dy = call.input(0);
    const Sizes s(x.shape, dy.shape, filter, window);
    float* dFilter = call.output(0, {s.filterHeight, s.filterWidth, s.channels, s.out});
    const int64_t size = s.filterSize();
    if (s.batch == 0 || size == 0) return std::fill(dFilter, dFilter + size, 0.0f);
    const Chunks chunks(s);
    const int64_t piecesAtMost = std::max<int64_t>(threadCount(), 1 + sumsAtMost / size);
    const Pieces pieces(chunks.number, (chunks.number + piecesAtMost - 1) / piecesAtMost);
    sumOfPieces(pieces, size, dFilter, [&](float* sums, int64_t begin, int64_t end) {
      Chunk chunk(s);
      for (int64_t index = begin; index < end; ++index) {
        chunk.pack(x.data, dy.data, chunks, index);
        chunk.sum(sums, index == begin);
      }
    });
  }
};

const Registration<ConvolutionGradFilter> convolutionGradFilter("LabConvolutionGradFilter",
                                                                {{"dy: float", "x: float"},
                                                                 {"dfilter: float"},
                                                                 {"strides: list(int)", "padding: list(int)",
                                                                  "filter: list(int)"}});

}  // namespace
}  // namespace lab
