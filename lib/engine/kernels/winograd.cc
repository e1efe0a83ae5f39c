// 3x3 convolutions of stride 1 and their gradients by minimal filtering: over all channels, the products of transformed tiles
// and filters are a matrix product for each of the 36 places of a tile.
#include "winograd.h"

#include <cstring>
#include <string>

#include "epilogue.h"
#include "kernel.h"

namespace lab {
namespace {

using namespace winograd;

// What transformed tiles may take at a time: a share of a processor's largest cache.
constexpr int64_t bytesAtOnce = 8 << 20;

// What sums of a filter's gradient may take: more would be asked of the system anew at every call.
constexpr int64_t sumsAtOnce = 24 << 20;

// Tiles of which the products are kept in a cache.
constexpr int64_t tilesOfBlock = 96;

int64_t tilesAtOnce(const Grid& grid, int64_t channels) {
  const int64_t fitting = bytesAtOnce / static_cast<int64_t>(places * channels * sizeof(float));
  return std::min(grid.tiles(), std::max(2 * tilesOfBlock, fitting));
}

struct Sizes {
  int64_t batch, height, width, channels, out, top, left, outHeight, outWidth;

  Sizes(const Shape& image, int64_t out, const std::vector<int64_t>& padding)
      : out(out), top(padding[0]), left(padding[2]) {
    if (image.size() != 4) throw std::invalid_argument("an image must have four axes");
    batch = image[0], height = image[1], width = image[2], channels = image[3];
    outHeight = height + padding[0] + padding[1] - filterSide + 1;
    outWidth = width + padding[2] + padding[3] - filterSide + 1;
    if (outHeight < 1 || outWidth < 1) throw std::invalid_argument("the filter is larger than the image");
    if (channels < 1 || out < 1) throw std::invalid_argument("there are no channels");
  }

  Grid grid() const { return {batch, outHeight, outWidth}; }
};

// A panel of the output's channels: its transformed filter, [place, channel, column], and what comes of it.
class Columns {
 public:
  // A filter that is `turned`, by half a turn and its channels for one another, gives the gradient of the input.
  Columns(const Sizes& sizes, const float* filter, bool turned, int64_t column)
      : s(sizes), column_(column), count_(std::min<int64_t>(panelWidth, sizes.out - column)),
        filter_(new float[places * sizes.channels * panelWidth]), products_(new float[places * productsOfPlace]) {
    for (int64_t channel = 0; channel < s.channels; ++channel) {
      float lines[taps][panelWidth] = {};
      for (int tap = 0; tap < taps; ++tap) {
        if (turned) {
          const float* from = filter + ((taps - 1 - tap) * s.out + column) * s.channels + channel;
          for (int64_t i = 0; i < count_; ++i) lines[tap][i] = from[i * s.channels];
        } else {
          std::memcpy(lines[tap], filter + (tap * s.channels + channel) * s.out + column, sizeof(float) * count_);
        }
      }
      for (int half = 0; half < panelWidth; half += lanes<Wide>) {
        Wide given[taps], all[places];
        for (int tap = 0; tap < taps; ++tap) given[tap] = load<Wide>(lines[tap] + half);
        transform<OfFilter>(given, all);
        for (int place = 0; place < places; ++place) {
          store(&filter_[(place * s.channels + channel) * panelWidth + half], all[place]);
        }
      }
    }
  }

  // Of `tiles`, which begin with the grid's tile `first`, those from `begin` on.
  template <class Activation>
  void compute(const Tiles<OfImage, Layout::rows>& tiles, int64_t first, int64_t begin, int64_t end,
               const Epilogue<Activation>& epilogue, float* y) {
    const Grid grid = s.grid();
    for (int64_t block = begin; block < end; block += tilesOfBlock) {
      const int64_t number = std::min(tilesOfBlock, end - block);
      for (int place = 0; place < places; ++place) {
        float* products = &products_[place * productsOfPlace];
        multiplyPanel({tiles.row(place, block), s.channels, 1}, number, &filter_[place * s.channels * panelWidth], s.channels,
                      count_, [&](int64_t tile, Wide first, Wide second) {
                        store(products + tile * panelWidth, first);
                        store(products + tile * panelWidth + lanes<Wide>, second);
                      });
      }
      for (int64_t tile = 0; tile < number; ++tile) {
        for (int half = 0; half < count_; half += lanes<Wide>) {
          write(Tile(grid, first + block + tile), &products_[tile * panelWidth + half], half, epilogue, y);
        }
      }
    }
  }

 private:
  template <class Activation>
  void write(const Tile& tile, const float* products, int half, const Epilogue<Activation>& epilogue, float* y) const {
    Wide given[places], all[outSide * outSide];
    for (int place = 0; place < places; ++place) given[place] = load<Wide>(products + place * productsOfPlace);
    transform<ToOutput>(given, all);
    const int64_t column = column_ + half, columns = std::min<int64_t>(lanes<Wide>, count_ - half);
    for (int64_t row = 0; row < std::min<int64_t>(outSide, s.outHeight - tile.y); ++row) {
      for (int64_t place = 0; place < std::min<int64_t>(outSide, s.outWidth - tile.x); ++place) {
        const int64_t position = (tile.photo * s.outHeight + tile.y + row) * s.outWidth + tile.x + place;
        float line[lanes<Wide>];
        store(line, all[row * outSide + place]);
        const int64_t at = position * s.out + column;
        forEach(columns, [&](auto v, int64_t i) {
          using V = decltype(v);
          store(y + at + i, epilogue.apply(load<V>(line + i), at + i, column + i));
        });
      }
    }
  }

  static constexpr int64_t productsOfPlace = (tilesOfBlock + 1) * panelWidth;

  const Sizes& s;
  int64_t column_, count_;
  std::unique_ptr<float[]> filter_, products_;
};

struct Convolution {
  std::vector<int64_t> padding;
  bool turned;
  EpilogueOptions epilogueOptions;

  explicit Convolution(Attributes& attributes)
      : padding(attributes.integers("padding", 4, 0)), turned(attributes.integer("turned", 0) > 0),
        epilogueOptions(attributes) {}

  void compute(Call& call) const {
    const Input x = call.input(0), filter = call.input(1);
    if (filter.shape.size() != 4) throw std::invalid_argument("the filter must have four axes");
    const Sizes s(x.shape, filter.shape[turned ? 2 : 3], padding);
    if (filter.shape[0] != filterSide || filter.shape[1] != filterSide || filter.shape[turned ? 3 : 2] != s.channels) {
      throw std::invalid_argument("the filter is not one of 3x3 places and " + std::to_string(s.channels) + " channels");
    }
    const Shape shape{s.batch, s.outHeight, s.outWidth, s.out};
    float* y = call.output(0, shape);
    const Grid grid = s.grid();
    const int64_t most = tilesAtOnce(grid, s.channels);
    Tiles<OfImage, Layout::rows> tiles({x.data, s.height, s.width, s.channels, s.channels}, grid, s.top, s.left, most);
    epilogueOptions.with(call, 2, shape, [&](const auto& epilogue) {
      for (int64_t first = 0; first < grid.tiles(); first += most) {
        const int64_t number = std::min(most, grid.tiles() - first);
        tiles.fill(first, number);
        const Pieces shares = sharesOf(number, panelsOf(s.out));
        parallel(Pieces(panelsOf(s.out) * shares.number, 1), [&](int64_t, int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; ++i) {
            const int64_t share = i % shares.number * shares.length;
            Columns columns(s, filter.data, turned, i / shares.number * panelWidth);
            columns.compute(tiles, first, share, std::min(number, share + shares.length), epilogue, y);
          }
        });
      }
    });
  }

 private:
  // Tiles are parted, too, where there are too few panels for all threads.
  static Pieces sharesOf(int64_t tiles, int64_t panels) {
    const int64_t wanted = std::max<int64_t>(1, 4 * threadCount() / panels);
    const int64_t length = (tiles + wanted - 1) / wanted;
    return Pieces(tiles, (length + rowsAtOnce - 1) / rowsAtOnce * rowsAtOnce);
  }
};

// The transformed filter's gradient is, at each place, the product of the transformed images, transposed, and slopes.
struct GradFilter {
  std::vector<int64_t> padding;

  explicit GradFilter(Attributes& attributes) : padding(attributes.integers("padding", 4, 0)) {}

  void compute(Call& call) const {
    const Input x = call.input(1), dy = call.input(0);
    if (dy.shape.size() != 4) throw std::invalid_argument("the slope must have four axes");
    const Sizes s(x.shape, dy.shape[3], padding);
    if (dy.shape[0] != s.batch || dy.shape[1] != s.outHeight || dy.shape[2] != s.outWidth) {
      throw std::invalid_argument("the slope is not one of this convolution's output");
    }
    float* dFilter = call.output(0, {filterSide, filterSide, s.channels, s.out});
    const Grid grid = s.grid();
    if (grid.tiles() == 0) return std::fill(dFilter, dFilter + taps * s.channels * s.out, 0.0f);
    const int64_t fitting = sumsAtOnce / static_cast<int64_t>(places * s.channels * panelWidth * sizeof(float));
    const int64_t panels = panelsOf(s.out), parts = (panels - 1) / std::max<int64_t>(1, fitting) + 1;
    const int64_t width = (panels + parts - 1) / parts * panelWidth;
    for (int64_t column = 0; column < s.out; column += width) {
      columnsOf(s, x.data, dy.data, column, std::min(width, s.out - column), dFilter);
    }
  }

 private:
  // The gradient of `count` of the output's channels.
  static void columnsOf(const Sizes& s, const float* x, const float* dy, int64_t column, int64_t count, float* dFilter) {
    const Grid grid = s.grid();
    const int64_t panels = panelsOf(count), most = tilesAtOnce(grid, s.channels + count);
    Tiles<OfImage, Layout::panels> images({x, s.height, s.width, s.channels, s.channels}, grid, s.top, s.left, most);
    Tiles<OfSlope, Layout::panels> slopes({dy + column, s.outHeight, s.outWidth, s.out, count}, grid, 0, 0, most);
    const int64_t distance = panels * s.channels * panelWidth + panelWidth;
    const std::unique_ptr<float[]> sums(new float[places * distance]);
    for (int64_t first = 0; first < grid.tiles(); first += most) {
      const int64_t number = std::min(most, grid.tiles() - first);
      images.fill(first, number);
      slopes.fill(first, number);
      parallel(Pieces(places, 1), [&](int64_t, int64_t begin, int64_t end) {
        for (int64_t place = begin; place < end; ++place) {
          for (int64_t panel = 0; panel < panels; ++panel) {
            float* to = &sums[place * distance + panel * s.channels * panelWidth];
            for (int64_t channel = 0; channel < s.channels; channel += panelWidth) {
              const Matrix left{images.panel(place, channel / panelWidth), 1, panelWidth};
              multiplyPanel(left, std::min<int64_t>(panelWidth, s.channels - channel), slopes.panel(place, panel), number,
                            panelWidth, [&](int64_t row, Wide sum, Wide next) {
                              float* line = to + (channel + row) * panelWidth;
                              store(line, first == 0 ? sum : sum + load<Wide>(line));
                              store(line + lanes<Wide>, first == 0 ? next : next + load<Wide>(line + lanes<Wide>));
                            });
            }
          }
        }
      });
    }
    forRows(panels * s.channels, places * panelWidth, [&](int64_t row) {
      const int64_t begin = row / s.channels * panelWidth, channel = row % s.channels;
      forEach(std::min<int64_t>(panelWidth, count - begin), [&](auto v, int64_t i) {
        using V = decltype(v);
        V given[places], all[taps];
        for (int place = 0; place < places; ++place) given[place] = load<V>(&sums[place * distance + row * panelWidth + i]);
        transform<ToFilter>(given, all);
        float* to = dFilter + channel * s.out + column + begin + i;
        for (int tap = 0; tap < taps; ++tap) store(to + tap * s.channels * s.out, all[tap]);
      });
    });
  }
};

const Registration<Convolution> convolution("LabWinograd", {{"x: float", "filter: float", "bias: biases * float",
                                                             "residual: residuals * float"},
                                                            {"y: float"},
                                                            {"padding: list(int)", "turned: int", "biases: int >= 0",
                                                             "residuals: int >= 0", "activation: string"}});
const Registration<GradFilter> gradFilter("LabWinogradGradFilter",
                                          {{"dy: float", "x: float"}, {"dfilter: float"}, {"padding: list(int)"}});

}  // namespace
}  // namespace lab
