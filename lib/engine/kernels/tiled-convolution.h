// A convolution as products of shifted rows.
//
// The photo lies on a grid of positions, photo after photo and row after row, with zeros around it. There, what a place of the
// filter multiplies is the grid moved by so many positions, the same for all of them, and the convolution is a sum of matrix
// products of which nothing is copied. Where the window has a stride, positions that are a stride apart form a phase, a grid
// of its own.
#pragma once

#include "tiles.h"

#ifdef LAB_TILES

#include <algorithm>
#include <utility>
#include <vector>

#include "kernel.h"
#include "rows.h"
#include "window.h"

namespace lab {

// A batch of images; rows of channels are one that is one pixel high.
struct Image {
  int64_t batch, height, width, channels;

  int64_t size() const { return batch * height * width * channels; }
};

inline Image imageOf(const Shape& shape) { return {shape[0], shape[1], shape[2], shape[3]}; }

// An axis of a grid: its positions, and how many of them, from the first on, have an output.
struct Axis {
  int64_t length, outputs;

  // Positions see a source of `size` pixels, a `stride` apart from `padding` before it on; places of the filter move them by
  // `reach` at most. Zeros before a row serve as those after the row before it.
  Axis(int64_t outputs, int64_t reach, int64_t size, int64_t stride, int64_t padding)
      : length(outputs + reach), outputs(outputs) {
    const int64_t shared = length - std::min(std::max<int64_t>(0, padding / stride), reach);
    if (shared * stride - padding >= size) length = shared;
  }
};

// A place of the filter: its phase of the source, and how far it moves the grid there.
struct Tap {
  int64_t place, phase, shift;
};

// Positions with their outputs: where the first of these is, how far they are apart, and what is summed up for them.
struct Target {
  int64_t top, left;
  std::vector<Tap> taps;
};

// Factors of the channels of each photo, which has so many pixels; there may be none.
struct Gate {
  const float* factors = nullptr;
  int64_t pixels = 1;
};

struct Plan {
  Values values;
  Image source, output;
  // How the source lies on the grid, and what of it there is.
  int64_t sourceStrideY, sourceStrideX, top, left;
  std::vector<std::pair<int64_t, int64_t>> phases;
  Axis rows, columns;
  int64_t outputStrideY, outputStrideX;
  std::vector<Target> targets;
  Gate gate = {};

  int64_t positions() const { return source.batch * rows.length * columns.length; }

  int64_t reach() const {
    int64_t most = 0;
    for (const Target& target : targets) {
      for (const Tap& tap : target.taps) most = std::max(most, tap.shift);
    }
    return most;
  }
};

// From a photo to the output.
inline Plan forwardPlan(const Values& values, const Image& photo, const Image& output, int64_t height, int64_t width,
                        const Window& w) {
  const int64_t phasesX = std::min(width, w.strideX);
  Plan plan{values,
            photo,
            output,
            w.strideY,
            w.strideX,
            w.top,
            w.left,
            {},
            {output.height, (height - 1) / w.strideY, photo.height, w.strideY, w.top},
            {output.width, (width - 1) / w.strideX, photo.width, w.strideX, w.left},
            1,
            1,
            {{0, 0, {}}}};
  for (int64_t y = 0; y < std::min(height, w.strideY); ++y) {
    for (int64_t x = 0; x < phasesX; ++x) plan.phases.emplace_back(y, x);
  }
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      const int64_t phase = y % w.strideY * phasesX + x % w.strideX;
      plan.targets[0].taps.push_back({y * width + x, phase, y / w.strideY * plan.columns.length + x / w.strideX});
    }
  }
  return plan;
}

// From the output's slope to the photo's: of every phase of the photo, those places of the filter that meet it.
inline Plan backwardPlan(const Values& values, const Image& slope, const Image& photo, int64_t height, int64_t width,
                         const Window& w) {
  const int64_t reachY = (height - 1) / w.strideY, reachX = (width - 1) / w.strideX;
  const int64_t firstY = w.top / w.strideY, firstX = w.left / w.strideX;
  const auto outputs = [](int64_t size, int64_t padding, int64_t stride) {
    return (size + padding + stride - 1) / stride - padding / stride;
  };
  Plan plan{values,
            slope,
            photo,
            1,
            1,
            reachY - firstY,
            reachX - firstX,
            {{0, 0}},
            {outputs(photo.height, w.top, w.strideY), reachY, slope.height, 1, reachY - firstY},
            {outputs(photo.width, w.left, w.strideX), reachX, slope.width, 1, reachX - firstX},
            w.strideY,
            w.strideX,
            {}};
  for (int64_t phaseY = 0; phaseY < w.strideY; ++phaseY) {
    for (int64_t phaseX = 0; phaseX < w.strideX; ++phaseX) {
      Target target{firstY * w.strideY + phaseY - w.top, firstX * w.strideX + phaseX - w.left, {}};
      for (int64_t y = phaseY; y < height; y += w.strideY) {
        for (int64_t x = phaseX; x < width; x += w.strideX) {
          const int64_t shift = (reachY - y / w.strideY) * plan.columns.length + reachX - x / w.strideX;
          target.taps.push_back({y * width + x, 0, shift});
        }
      }
      plan.targets.push_back(std::move(target));
    }
  }
  return plan;
}

// Goes over the positions of a grid.
class Cursor {
 public:
  Cursor(const Plan& plan, int64_t position)
      : plan_(plan), photo_(position / plan.columns.length / plan.rows.length),
        y_(position / plan.columns.length % plan.rows.length), x_(position % plan.columns.length) {}

  void next() {
    if (++x_ < plan_.columns.length) return;
    x_ = 0;
    if (++y_ < plan_.rows.length) return;
    y_ = 0;
    ++photo_;
  }

  // The pixel that is seen in a phase, or -1 where that is padding.
  int64_t seen(const std::pair<int64_t, int64_t>& phase) const {
    return pixel(plan_.source, y_ * plan_.sourceStrideY + phase.first - plan_.top,
                 x_ * plan_.sourceStrideX + phase.second - plan_.left);
  }

  // The pixel of the output, or -1 where there is none.
  int64_t made(const Target& target) const {
    if (y_ >= plan_.rows.outputs || x_ >= plan_.columns.outputs) return -1;
    return pixel(plan_.output, y_ * plan_.outputStrideY + target.top, x_ * plan_.outputStrideX + target.left);
  }

 private:
  int64_t pixel(const Image& image, int64_t y, int64_t x) const {
    if (photo_ >= image.batch || y < 0 || y >= image.height || x < 0 || x >= image.width) return -1;
    return (photo_ * image.height + y) * image.width + x;
  }

  const Plan& plan_;
  int64_t photo_, y_, x_;
};

// A filter as panels, [panel, place, depth / 32, 2 tiles].
class Filter {
 public:
  // A place of it is [depth, out], or [out, depth] if `isTurned`.
  Filter(const Bfloat16* data, int64_t places, int64_t depth, int64_t out, bool isTurned)
      : places_(places), out_(out), size_(roundedUp(depth, tileDepth) * tilesWidth) {
    const int64_t panels = roundedUp(out, tilesWidth) / tilesWidth;
    values_.resize(panels * places * size_);
    forRows(panels * places, size_, [&](int64_t i) {
      const int64_t column = i / places * tilesWidth, columns = std::min(tilesWidth, out - column);
      const Bfloat16* place = data + i % places * depth * out;
      Bfloat16* to = values_.data() + i * size_;
      for (int64_t k = 0; k < depth; k += tileDepth, to += 2 * tileSize) {
        const int64_t count = std::min(tileDepth, depth - k);
        if (isTurned) {
          turnPanel(place + column * depth + k, depth, columns, count, to);
        } else {
          layPanel(place + k * out + column, out, columns, count, to);
        }
      }
    });
  }

  const Bfloat16* panel(int64_t channel, int64_t place) const {
    return values_.data() + (channel / tilesWidth * places_ + place) * size_;
  }

  // Calls `body(first, end)` for as many channels at a time as stay in a core's cache, where so many places are used.
  template <class Body>
  void forSomeChannels(int64_t places, const Body& body) const {
    constexpr int64_t most = 256 * 1024;
    const int64_t panels = std::max<int64_t>(1, most / (std::max<int64_t>(1, places) * size_));
    for (int64_t first = 0; first < out_; first += panels * tilesWidth) body(first, std::min(out_, first + panels * tilesWidth));
  }

 private:
  int64_t places_, out_, size_;
  Halves values_;
};

}  // namespace lab

#endif
