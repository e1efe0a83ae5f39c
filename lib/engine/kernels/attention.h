// Where attention (Vaswani et al. 2017, arXiv:1706.03762) finds the tokens of its sequences: queries, keys and values lie where
// the linear layer before has left them, [batch, token, 3, head, depth]. With windows (Liu et al. 2021, arXiv:2103.14030) each
// square of an image [batch, height, width, 3, head, depth] is a sequence; a shift moves the squares cyclically, down and to the
// right.
#pragma once

#include <cmath>

#include "kernel.h"
#include "rows.h"

namespace lab {

// What every operation of attention has, of which the second output may be there or not (`kept`).
struct AttentionOptions {
  int64_t heads, side, kept;
  std::vector<int64_t> shift;

  explicit AttentionOptions(Attributes& attributes)
      : heads(attributes.integer("heads", 1)), side(attributes.integer("side", 0)), kept(attributes.integer("kept", 0)),
        shift(attributes.integers("shift", 2, 0)) {}

  static std::vector<const char*> names() {
    return {"heads: int", "side: int", "shift: list(int)", "biases: int >= 0", "kept: int >= 0"};
  }
};

class AttentionLayout {
 public:
  // Of a batch of sequences, or of windows.
  int64_t sequences, tokens, heads, depth, width;

  AttentionLayout(const Shape& mixed, const AttentionOptions& options) : heads(options.heads) {
    const size_t axes = options.side > 0 ? 4 : 3;
    if (mixed.size() != axes) {
      throw std::invalid_argument(std::string("queries, keys and values must have ") + (axes == 3 ? "three" : "four") + " axes");
    }
    if (mixed.back() % (3 * heads) != 0) {
      throw std::invalid_argument(std::to_string(mixed.back()) + " is no width of queries, keys and values of " +
                                  std::to_string(heads) + " heads");
    }
    width = mixed.back() / 3, depth = width / heads;
    outer_ = mixed;
    outer_.back() = width;
    if (axes == 3) {
      pixels_ = tokens = mixed[1];
      for (int64_t token = 0; token < tokens; ++token) places_.push_back(token);
    } else {
      layWindows(mixed[1], mixed[2], options);
    }
    sequences = mixed[0] * windows();
  }

  const Shape& outputShape() const { return outer_; }
  float factor() const { return 1 / std::sqrt(static_cast<float>(depth)); }
  int64_t pairs() const { return tokens * tokens; }
  int64_t windows() const { return tokens > 0 ? static_cast<int64_t>(places_.size()) / tokens : 0; }

  // The first row of a sequence's photo among those of all, and the rows of its tokens from there on.
  int64_t photo(int64_t sequence) const { return sequence / windows() * pixels_; }
  const int64_t* places(int64_t sequence) const { return &places_[sequence % windows() * tokens]; }

 private:
  void layWindows(int64_t height, int64_t breadth, const AttentionOptions& options) {
    const int64_t side = options.side;
    if (height % side != 0 || breadth % side != 0) {
      throw std::invalid_argument("windows of " + std::to_string(side) + " do not divide " + std::to_string(height) + " x " +
                                  std::to_string(breadth));
    }
    pixels_ = height * breadth, tokens = side * side;
    for (int64_t top = 0; top < height; top += side) {
      for (int64_t left = 0; left < breadth; left += side) {
        for (int64_t token = 0; token < tokens; ++token) {
          const int64_t y = (top + token / side + options.shift[0]) % height;
          const int64_t x = (left + token % side + options.shift[1]) % breadth;
          places_.push_back(y * breadth + x);
        }
      }
    }
  }

  Shape outer_;
  int64_t pixels_ = 0;
  std::vector<int64_t> places_;
};

// One head of one sequence.
class Head {
 public:
  const AttentionLayout& layout;
  const int64_t sequence, head;

  Head(const AttentionLayout& layout, int64_t sequence, int64_t head)
      : layout(layout), sequence(sequence), head(head), photo_(layout.photo(sequence)), places_(layout.places(sequence)) {}

  // Where a token's queries (0), keys (1) or values (2) begin, and what attention gives for it.
  int64_t part(int64_t token, int part) const { return (row(token) * 3 + part) * layout.width + head * layout.depth; }
  int64_t given(int64_t token) const { return row(token) * layout.width + head * layout.depth; }

  // Where its own begin in [sequence, head, ...], with so many numbers for each head.
  int64_t own(int64_t size) const { return (sequence * layout.heads + head) * size; }

 private:
  int64_t row(int64_t token) const { return photo_ + places_[token]; }

  int64_t photo_;
  const int64_t* places_;
};

// Calls `body(head, worker)` for every head of every sequence; each thread has a `Worker` of its own.
template <class Worker, class Body>
void forHeads(const AttentionLayout& layout, const Body& body) {
  parallel(Pieces(layout.sequences * layout.heads, 1), [&](int64_t, int64_t begin, int64_t end) {
    Worker worker(layout);
    for (int64_t i = begin; i < end; ++i) body(Head(layout, i / layout.heads, i % layout.heads), worker);
  });
}

// What is added to scores, [kinds, heads, tokens, tokens], or nothing; a sequence takes the kind of its number.
class ScoreBias {
 public:
  ScoreBias(Call& call, int index, const AttentionLayout& layout) : heads_(layout.heads), tokens_(layout.tokens) {
    if (!call.has(index)) return;
    const Input bias = call.input(index);
    const int64_t size = heads_ * layout.pairs();
    kinds_ = bias.size() / std::max<int64_t>(1, size);
    if (kinds_ == 0 || layout.sequences % kinds_ != 0 || bias.size() != kinds_ * size) {
      throw std::invalid_argument("a bias of " + std::to_string(bias.size()) + " elements does not fit the scores");
    }
    data_ = bias.data;
  }

  explicit operator bool() const { return data_ != nullptr; }

  int64_t matrices() const { return kinds_ * heads_; }
  int64_t matrix(const Head& h) const { return h.sequence % kinds_ * heads_ + h.head; }
  const float* row(int64_t matrix, int64_t query) const { return data_ + (matrix * tokens_ + query) * tokens_; }
  const float* row(const Head& h, int64_t query) const { return row(matrix(h), query); }

 private:
  const float* data_ = nullptr;
  int64_t heads_, tokens_, kinds_ = 1;
};

// The same with a row for each key; behind each row are zeros up to two vectors.
class TurnedBias {
 public:
  TurnedBias(Call& call, int index, const AttentionLayout& layout)
      : bias_(call, index, layout), tokens_(layout.tokens), stride_(roundedUp(tokens_, 2 * lanes<Wide>)) {
    if (!bias_) return;
    values_.resize(bias_.matrices() * tokens_ * stride_);
    forRows(bias_.matrices(), layout.pairs(), [&](int64_t matrix) {
      for (int64_t query = 0; query < tokens_; ++query) {
        const float* from = bias_.row(matrix, query);
        float* to = &values_[matrix * tokens_ * stride_ + query];
        for (int64_t key = 0; key < tokens_; ++key) to[key * stride_] = from[key];
      }
    });
  }

  explicit operator bool() const { return bool(bias_); }
  int64_t stride() const { return stride_; }
  const float* row(const Head& h, int64_t key) const { return &values_[(bias_.matrix(h) * tokens_ + key) * stride_]; }

 private:
  ScoreBias bias_;
  int64_t tokens_, stride_;
  std::vector<float> values_;
};

// Attention whose heads a `Worker` computes one after another.
template <class Number, class Worker>
struct AttentionBy : AttentionOptions {
  using AttentionOptions::AttentionOptions;

  void compute(Call& call) const {
    const InputOf<Number> mixed = call.input<Number>(0);
    const AttentionLayout layout(mixed.shape, *this);
    const typename Worker::Bias bias(call, 1, layout);
    Number* y = call.output<Number>(0, layout.outputShape());
    float* logarithms = kept ? call.output(1, {layout.sequences, layout.heads, layout.tokens}) : nullptr;
    forHeads<Worker>(layout, [&](const Head& h, Worker& worker) { worker.compute(h, mixed.data, bias, y, logarithms); });
  }
};

// What its gradient reads and writes.
template <class Number>
struct AttentionTensors {
  const Number *dy, *mixed, *y;
  const float* logarithms;
  TurnedBias bias;
  Number* dMixed;
  // Or none.
  float* dScores;

  // The mean slope of a query's shares, weighted by these.
  float meanSlope(const Head& h, int64_t query) const {
    return product(dy + h.given(query), y + h.given(query), h.layout.depth);
  }
};

template <class Number, class Worker>
struct AttentionGradBy : AttentionOptions {
  using AttentionOptions::AttentionOptions;

  void compute(Call& call) const {
    const InputOf<Number> mixed = call.input<Number>(1);
    const AttentionLayout layout(mixed.shape, *this);
    const int64_t tokens = layout.tokens, size = sizeOf(layout.outputShape());
    const AttentionTensors<Number> tensors{
        call.input<Number>(0, size).data,
        mixed.data,
        call.input<Number>(2, size).data,
        call.input(3, layout.sequences * layout.heads * tokens).data,
        TurnedBias(call, 4, layout),
        call.output<Number>(0, mixed.shape),
        kept ? call.output(1, {layout.sequences, layout.heads, tokens, tokens}) : nullptr,
    };
    forHeads<Worker>(layout, [&](const Head& h, Worker& worker) { worker.compute(h, tensors); });
  }
};

}  // namespace lab
