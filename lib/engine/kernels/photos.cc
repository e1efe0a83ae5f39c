// Photos from their 8-bit pixels to what a network is given: resampled, with changed colours, mirrored, normalised.
//
// All of it equals what lib/pictures computes where no kernels run, to the bit: resampling is Pillow's with whole numbers
// (lib/pictures/resample.ts), colours change in double precision and are rounded to 8 bits (lib/pictures/colours.ts).
#include <algorithm>
#include <cstring>
#include <vector>

#include "kernel.h"
#include "parallel.h"
#include "vector.h"

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

namespace lab {
namespace {

constexpr int64_t colours = 3;
constexpr int64_t levels = 256;

// Fixed-point numbers with so many bits after the point.
constexpr int fractionBits = 22;
constexpr int32_t half = 1 << (fractionBits - 1);

// How the new pixels of an axis are made of `count` old ones: each is a sum of those from its start on, with the weights
// from its offset to the next.
struct Axis {
  int64_t count;
  const int32_t *starts, *offsets, *weights;
};

// Luma of ITU-R BT.601.
constexpr double redShare = 0.299, greenShare = 0.587, blueShare = 0.114;

// See lib/pictures/colours.ts.
struct ColourChange {
  double gain, pull, direct, redToBlue, blueToRed;

  bool changes() const { return gain != 1 || pull != 0 || direct != 1 || redToBlue != 0 || blueToRed != 0; }
};

// What is yet to be done to a photo's pixels, read from `flipHorizontal, flipVertical, order`, the five numbers of a
// ColourChange, float64 in two int32 each, and, where there is an order, the axes of columns and of rows: starts, offsets,
// weights.
struct Plan {
  enum Order { keepsSize = 0, columnsFirst = 1, rowsFirst = 2 };

  bool flipHorizontal, flipVertical;
  int32_t order;
  ColourChange colour;
  Axis columns, rows;

  Plan(const InputOf<int32_t>& given, const Shape& pixels, int64_t side) {
    constexpr int64_t flags = 3, head = flags + sizeof(ColourChange) / sizeof(int32_t);
    if (given.size() < head) refuse("a plan is cut short");
    if (pixels.size() != 3 || pixels[2] != colours) refuse("pixels are not [height, width, 3]");
    flipHorizontal = given.data[0] != 0;
    flipVertical = given.data[1] != 0;
    order = given.data[2];
    std::memcpy(&colour, given.data + flags, sizeof colour);
    if (order == keepsSize) {
      if (pixels[0] != side || pixels[1] != side) refuse("pixels that keep their size have another than the view's");
      return;
    }
    const int32_t* rest = given.data + head;
    const int32_t* end = given.data + given.size();
    columns = axis(rest, end, pixels[1], side);
    rows = axis(rest, end, pixels[0], side);
  }

 private:
  static void refuse(const char* reason) { throw std::invalid_argument(reason); }

  static Axis axis(const int32_t*& rest, const int32_t* end, int64_t count, int64_t side) {
    if (end - rest < 2 * side + 1) refuse("a plan is cut short");
    const Axis axis{count, rest, rest + side, rest + 2 * side + 1};
    if (axis.offsets[0] != 0) refuse("an axis does not begin with its first weight");
    for (int64_t place = 0; place < side; ++place) {
      const int64_t taps = int64_t{axis.offsets[place + 1]} - axis.offsets[place];
      if (taps < 0 || axis.starts[place] < 0 || axis.starts[place] + taps > count) refuse("an axis leaves the pixels");
    }
    if (end - axis.weights < axis.offsets[side]) refuse("a plan is cut short");
    rest = axis.weights + axis.offsets[side];
    return axis;
  }
};

// The sum of shares as a level.
inline uint8_t level(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> fractionBits, 0, 255)); }

// Lines that fill a register with a pixel each.
constexpr int linesAtOnce = registerBytes / 16;

// Each of `count` lines [axis.count, 3] becomes one of `side` pixels.
template <int count>
void resampleLines(const uint8_t* source, const Axis& axis, int64_t side, std::vector<int32_t>& room, uint8_t* target) {
  using Pixels = typename VectorOf<int32_t, 16 * count>::type;
  // A pixel's colours, and one number more.
  constexpr int width = 4;
  room.resize(axis.count * count * width);
  for (int line = 0; line < count; ++line) {
    int32_t* to = room.data() + line * width;
    for (int64_t x = 0; x < axis.count; ++x, source += colours, to += count * width) {
      to[0] = source[0], to[1] = source[1], to[2] = source[2], to[3] = 0;
    }
  }
  for (int64_t place = 0; place < side; ++place, target += colours) {
    const int32_t* pixels = room.data() + int64_t{axis.starts[place]} * count * width;
    const int32_t* weight = axis.weights + axis.offsets[place];
    const int64_t taps = axis.offsets[place + 1] - axis.offsets[place];
    Pixels sum = Pixels{} + half;
    for (int64_t k = 0; k < taps; ++k, pixels += count * width) {
      Pixels values;
      std::memcpy(&values, pixels, sizeof values);
      sum += weight[k] * values;
    }
    for (int line = 0; line < count; ++line) {
      for (int64_t colour = 0; colour < colours; ++colour) {
        target[line * side * colours + colour] = level(sum[line * width + colour]);
      }
    }
  }
}

// Each line [axis.count, 3] becomes one of `side` pixels.
void resampleColumns(const uint8_t* source, int64_t lines, const Axis& axis, int64_t side, uint8_t* target) {
  std::vector<int32_t> room;
  int64_t y = 0;
  for (; y + linesAtOnce <= lines; y += linesAtOnce) {
    resampleLines<linesAtOnce>(source + y * axis.count * colours, axis, side, room, target + y * side * colours);
  }
  for (; y < lines; ++y) resampleLines<1>(source + y * axis.count * colours, axis, side, room, target + y * side * colours);
}

// The rows [axis.count, width] become `side` rows.
void resampleRows(const uint8_t* source, int64_t width, const Axis& axis, int64_t side, uint8_t* target) {
  std::vector<int32_t> sums(width);
  for (int64_t place = 0; place < side; ++place, target += width) {
    std::fill(sums.begin(), sums.end(), half);
    for (int32_t k = axis.offsets[place]; k < axis.offsets[place + 1]; ++k) {
      const uint8_t* row = source + (axis.starts[place] + k - axis.offsets[place]) * width;
      for (int64_t i = 0; i < width; ++i) sums[i] += axis.weights[k] * row[i];
    }
    for (int64_t i = 0; i < width; ++i) target[i] = level(sums[i]);
  }
}

// Makes one view after the other; what it needs for that is kept from one to the next.
class Studio {
 public:
  Studio(int64_t side, const float* normalised) : side_(side), normalised_(normalised) {}

  void draw(const uint8_t* pixels, const Plan& plan, float* target) {
    const uint8_t* view = plan.order == Plan::keepsSize ? pixels : resampled(pixels, plan);
    const bool changes = plan.colour.changes();
    const double offset = changes ? plan.colour.pull * meanGrey(view) : 0;
    const int64_t step = plan.flipHorizontal ? -colours : colours;
    changed_.resize(side_ * colours);
    for (int64_t y = 0; y < side_; ++y) {
      const uint8_t* row = view + y * side_ * colours;
      if (changes) row = changed(row, plan.colour, offset);
      float* to = target + (plan.flipVertical ? side_ - 1 - y : y) * side_ * colours;
      if (plan.flipHorizontal) to += (side_ - 1) * colours;
      for (int64_t x = 0; x < side_; ++x, row += colours, to += step) {
        for (int64_t colour = 0; colour < colours; ++colour) to[colour] = normalised_[colour * levels + row[colour]];
      }
    }
  }

 private:
  using Doubles = VectorOf<double, registerBytes>::type;
  static constexpr int64_t doubles = sizeof(Doubles) / sizeof(double);

  // Pillow's order, with 8 bits in between.
  const uint8_t* resampled(const uint8_t* pixels, const Plan& plan) {
    const Axis &columns = plan.columns, &rows = plan.rows;
    view_.resize(side_ * side_ * colours);
    if (plan.order == Plan::rowsFirst) {
      between_.resize(side_ * columns.count * colours);
      resampleRows(pixels, columns.count * colours, rows, side_, between_.data());
      resampleColumns(between_.data(), side_, columns, side_, view_.data());
    } else {
      between_.resize(rows.count * side_ * colours);
      resampleColumns(pixels, rows.count, columns, side_, between_.data());
      resampleRows(between_.data(), side_ * colours, rows, side_, view_.data());
    }
    return view_.data();
  }

  double meanGrey(const uint8_t* view) const {
    int64_t sums[colours] = {};
    for (int64_t y = 0; y < side_; ++y, view += side_ * colours) {
      uint32_t row[colours] = {};
      for (int64_t i = 0; i < side_ * colours; i += colours) {
        for (int64_t colour = 0; colour < colours; ++colour) row[colour] += view[i + colour];
      }
      for (int64_t colour = 0; colour < colours; ++colour) sums[colour] += row[colour];
    }
    const double sum = redShare * static_cast<double>(sums[0]) + greenShare * static_cast<double>(sums[1]) +
                       blueShare * static_cast<double>(sums[2]);
    return sum / static_cast<double>(side_ * side_);
  }

  // A row of pixels in other colours, rounded to 8 bits, halves to even.
  const uint8_t* changed(const uint8_t* row, const ColourChange& change, double offset) {
    const int64_t length = (side_ + doubles - 1) / doubles * doubles;
    planes_.resize(colours * length);
    double *red = planes_.data(), *green = red + length, *blue = green + length;
    for (int64_t x = 0; x < side_; ++x) {
      red[x] = row[x * colours];
      green[x] = row[x * colours + 1];
      blue[x] = row[x * colours + 2];
    }
    for (int64_t x = 0; x < side_; x += doubles) {
      const Doubles r = at(red + x), g = at(green + x), b = at(blue + x);
      const Doubles grey = redShare * r + greenShare * g + blueShare * b;
      const Doubles fromRed = r - grey, fromBlue = b - grey;
      const Doubles newRed = change.direct * fromRed + change.blueToRed * fromBlue;
      const Doubles newBlue = change.redToBlue * fromRed + change.direct * fromBlue;
      const Doubles newGreen = -(redShare * newRed + blueShare * newBlue) / greenShare;
      put(red + x, change.gain * (grey + newRed) + offset);
      put(green + x, change.gain * (grey + newGreen) + offset);
      put(blue + x, change.gain * (grey + newBlue) + offset);
    }
    for (int64_t x = 0; x < side_; ++x) {
      changed_[x * colours] = static_cast<uint8_t>(static_cast<int32_t>(red[x]));
      changed_[x * colours + 1] = static_cast<uint8_t>(static_cast<int32_t>(green[x]));
      changed_[x * colours + 2] = static_cast<uint8_t>(static_cast<int32_t>(blue[x]));
    }
    return changed_.data();
  }

  static Doubles at(const double* from) {
    Doubles value;
    std::memcpy(&value, from, sizeof value);
    return value;
  }

  static void put(double* to, Doubles value) {
    // Beside so large a number there is no room for a fraction.
    constexpr double large = 6755399441055744.0;  // 1.5 * 2^52
    const Doubles positive = value > 0.0 ? value : Doubles{};
    const Doubles bounded = positive < 255.0 ? positive : Doubles{} + 255.0;
    const Doubles whole = (bounded + large) - large;
    std::memcpy(to, &whole, sizeof whole);
  }

  int64_t side_;
  const float* normalised_;
  std::vector<uint8_t> between_, view_, changed_;
  std::vector<double> planes_;
};

struct PhotoViews {
  int64_t count, side;

  explicit PhotoViews(Attributes& attributes)
      : count(attributes.integer("count", 1)), side(attributes.integer("side", 1)) {}

  void compute(Call& call) const {
    std::vector<const uint8_t*> pixels;
    std::vector<Plan> plans;
    for (int i = 0; i < count; ++i) {
      const InputOf<uint8_t> photo = call.input<uint8_t>(i);
      pixels.push_back(photo.data);
      plans.emplace_back(call.input<int32_t>(static_cast<int>(count) + i), photo.shape, side);
    }
    const Input normalised = call.input(static_cast<int>(2 * count), colours * levels);
    float* views = call.output(0, {count, side, side, colours});
    parallel(Pieces(count, 1), [&](int64_t, int64_t begin, int64_t end) {
      Studio studio(side, normalised.data);
      for (int64_t i = begin; i < end; ++i) studio.draw(pixels[i], plans[i], views + i * side * side * colours);
    });
  }
};

const Registration<PhotoViews> photoViews("LabPhotoViews",
                                          {{"pixels: count * uint8", "plans: count * int32", "normalised: float"},
                                           {"views: float"},
                                           {"count: int >= 1", "side: int >= 1"}});

}  // namespace
}  // namespace lab
