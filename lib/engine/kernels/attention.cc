// Multi-head self-attention in float32: softmax(Q K^T / sqrt(depth) + bias) V in each head, of which the scores stay in the
// cache (as in Dao et al. 2022, arXiv:2205.14135).
#include "attention.h"

#include "products.h"
#include "softmax.h"

namespace lab {
namespace {

// What belongs to some tokens of a head, [token, depth].
class Rows {
 public:
  explicit Rows(const AttentionLayout& layout) : depth_(layout.depth) {}

  // `place(token)` tells where a token's numbers are in a tensor.
  template <class Place>
  void gather(const float* from, int64_t tokens, const Place& place) {
    float* to = room(tokens);
    for (int64_t token = 0; token < tokens; ++token, to += depth_) std::memcpy(to, from + place(token), depth_ * sizeof(float));
  }

  template <class Place>
  void scatter(float* to, int64_t tokens, const Place& place) const {
    const float* from = values_.data();
    for (int64_t token = 0; token < tokens; ++token, from += depth_) {
      std::memcpy(to + place(token), from, depth_ * sizeof(float));
    }
  }

  float* room(int64_t tokens) {
    values_.resize(tokens * depth_);
    return values_.data();
  }

  Matrix from(int64_t token) const { return {values_.data() + token * depth_, depth_, 1}; }

 private:
  int64_t depth_;
  std::vector<float> values_;
};

void addTo(float* row, const float* bias, int64_t width) {
  forEach(width, [&](auto v, int64_t i) {
    using V = decltype(v);
    store(row + i, load<V>(row + i) + load<V>(bias + i));
  });
}

struct Attention : AttentionOptions {
  using AttentionOptions::AttentionOptions;

  struct Scratch {
    Rows queries, rows;
    Panels keys, values;
    std::vector<float> scores;

    explicit Scratch(const AttentionLayout& layout) : queries(layout), rows(layout) {}
  };

  void compute(Call& call) const {
    const Input mixed = call.input(0);
    const AttentionLayout layout(mixed.shape, *this);
    const int64_t tokens = layout.tokens, depth = layout.depth;
    const ScoreBias bias(call, 1, layout);
    float* y = call.output(0, layout.outputShape());
    float* probabilities = kept ? call.output(1, {layout.sequences, layout.heads, tokens, tokens}) : nullptr;
    constexpr int64_t block = 48;

    forHeads<Scratch>(layout, [&](const Head& h, Scratch& scratch) {
      const auto part = [&](int part) { return [&h, part](int64_t token) { return h.part(token, part); }; };
      scratch.rows.gather(mixed.data, tokens, part(1));
      scratch.keys.pack(scratch.rows.from(0).transposed(), depth, tokens);
      scratch.rows.gather(mixed.data, tokens, part(2));
      scratch.values.pack(scratch.rows.from(0), tokens, depth);
      scratch.queries.gather(mixed.data, tokens, part(0));
      scratch.scores.resize(block * tokens);
      for (int64_t first = 0; first < tokens; first += block) {
        const int64_t count = std::min(block, tokens - first);
        float* scores = probabilities ? probabilities + h.own(layout.pairs()) + first * tokens : scratch.scores.data();
        scratch.keys.multiply(scratch.queries.from(first), count, layout.factor(), scores, tokens);
        for (int64_t row = 0; row < count; ++row) {
          float* line = scores + row * tokens;
          if (bias) addTo(line, bias.row(h, first + row), tokens);
          softmaxOf(line, tokens, line);
        }
        scratch.values.multiply({scores, tokens, 1}, count, 1, scratch.rows.room(count), depth);
        scratch.rows.scatter(y, count, [&](int64_t token) { return h.given(first + token); });
      }
    });
  }
};

struct AttentionGrad : AttentionOptions {
  using AttentionOptions::AttentionOptions;

  struct Scratch {
    Rows slope, rows;
    Panels values, slopes, keys, queries;
    std::vector<float> scores;

    explicit Scratch(const AttentionLayout& layout) : slope(layout), rows(layout) {}
  };

  void compute(Call& call) const {
    const Input mixed = call.input(1);
    const AttentionLayout layout(mixed.shape, *this);
    const int64_t tokens = layout.tokens, depth = layout.depth;
    const Input dy = call.input(0, sizeOf(layout.outputShape()));
    const Input probabilities = call.input(2, layout.sequences * layout.heads * layout.pairs());
    float* dMixed = call.output(0, mixed.shape);
    float* dScores = kept ? call.output(1, probabilities.shape) : nullptr;

    forHeads<Scratch>(layout, [&](const Head& h, Scratch& scratch) {
      const auto part = [&](int part) { return [&h, part](int64_t token) { return h.part(token, part); }; };
      scratch.slope.gather(dy.data, tokens, [&](int64_t token) { return h.given(token); });
      scratch.slopes.pack(scratch.slope.from(0), tokens, depth);
      scratch.rows.gather(mixed.data, tokens, part(2));
      scratch.values.pack(scratch.rows.from(0).transposed(), depth, tokens);
      scratch.rows.gather(mixed.data, tokens, part(1));
      scratch.keys.pack(scratch.rows.from(0), tokens, depth);
      scratch.rows.gather(mixed.data, tokens, part(0));
      scratch.queries.pack(scratch.rows.from(0), tokens, depth);
      scratch.scores.resize(layout.pairs());
      float* scores = dScores ? dScores + h.own(layout.pairs()) : scratch.scores.data();

      const Matrix shares{probabilities.data + h.own(layout.pairs()), tokens, 1};
      scratch.values.multiply(scratch.slope.from(0), tokens, 1, scores, tokens);
      for (int64_t row = 0; row < tokens; ++row) {
        float* line = scores + row * tokens;
        softmaxSlopeOf(shares.data + row * tokens, line, tokens, line);
      }
      const Matrix dScore{scores, tokens, 1};
      const auto give = [&](int target, const Panels& right, const Matrix& left, float factor) {
        right.multiply(left, tokens, factor, scratch.rows.room(tokens), depth);
        scratch.rows.scatter(dMixed, tokens, part(target));
      };
      give(0, scratch.keys, dScore, layout.factor());
      give(1, scratch.queries, dScore.transposed(), layout.factor());
      give(2, scratch.slopes, shares.transposed(), 1);
    });
  }
};

const Registration<Attention> attention("LabAttention",
                                        {{"mixed: float", "bias: biases * float"},
                                         {"y: float", "probabilities: kept * float"},
                                         {"heads: int", "side: int", "shift: list(int)", "biases: int >= 0", "kept: int >= 0"}});
const Registration<AttentionGrad> attentionGrad("LabAttentionGrad",
                                                {{"dy: float", "mixed: float", "probabilities: float"},
                                                 {"dmixed: float", "dscores: kept * float"},
                                                 {"heads: int", "side: int", "shift: list(int)", "kept: int >= 0"}});

}  // namespace
}  // namespace lab
