// Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762): softmax(Q K^T / sqrt(depth) + bias) V in each head.
// Queries, keys and values are read where the linear layer before has left them, [batch, token, 3, head, depth], and a
// head's scores stay in the cache (as in Dao et al. 2022, arXiv:2205.14135).
#include <cmath>

#include "kernel.h"
#include "parallel.h"
#include "products.h"
#include "softmax.h"

namespace lab {
namespace {

struct Sizes {
  int64_t batch, tokens, heads, depth, width;

  Sizes(const Shape& mixed, int64_t heads) : heads(heads) {
    if (mixed.size() != 3) throw std::invalid_argument("queries, keys and values must have three axes");
    batch = mixed[0], tokens = mixed[1], width = mixed[2] / 3;
    if (mixed[2] % (3 * heads) != 0) {
      throw std::invalid_argument(std::to_string(mixed[2]) + " is no width of queries, keys and values of " +
                                  std::to_string(heads) + " heads");
    }
    depth = width / heads;
  }

  float factor() const { return 1 / std::sqrt(static_cast<float>(depth)); }
  int64_t pairs() const { return tokens * tokens; }

  // Queries (0), keys (1) or values (2) of a head of a photo, [token, depth].
  int64_t offset(int64_t photo, int64_t head, int part) const {
    return photo * tokens * 3 * width + part * width + head * depth;
  }
  Matrix part(const float* mixed, int64_t photo, int64_t head, int part) const {
    return {mixed + offset(photo, head, part), 3 * width, 1};
  }

  // The same of what attention gives, [batch, token, head, depth].
  int64_t offset(int64_t photo, int64_t head) const { return photo * tokens * width + head * depth; }
};

// Calls `body(photo, head, scratch)` for every head of every photo; each thread has a `Scratch` of its own.
template <class Scratch, class Body>
void forHeads(const Sizes& s, const Body& body) {
  parallel(Pieces(s.batch * s.heads, 1), [&](int64_t, int64_t begin, int64_t end) {
    Scratch scratch;
    for (int64_t i = begin; i < end; ++i) body(i / s.heads, i % s.heads, scratch);
  });
}

void addTo(float* row, const float* bias, int64_t width) {
  forEach(width, [&](auto v, int64_t i) {
    using V = decltype(v);
    store(row + i, load<V>(row + i) + load<V>(bias + i));
  });
}

struct Attention {
  int64_t heads, kept;

  explicit Attention(Attributes& attributes)
      : heads(attributes.integer("heads", 1)), kept(attributes.integer("kept", 0)) {}

  struct Scratch {
    Panels keys, values;
    std::vector<float> scores;
  };

  void compute(Call& call) const {
    const Input mixed = call.input(0);
    const Sizes s(mixed.shape, heads);
    const bool biased = call.has(1);
    const Input bias = biased ? call.input(1) : Input{};
    const int64_t kinds = biased ? bias.size() / std::max<int64_t>(1, heads * s.pairs()) : 1;
    if (biased && (kinds == 0 || s.batch % kinds != 0 || bias.size() != kinds * heads * s.pairs())) {
      throw std::invalid_argument("a bias of " + std::to_string(bias.size()) + " elements does not fit the scores");
    }
    float* y = call.output(0, {s.batch, s.tokens, s.width});
    float* probabilities = kept ? call.output(1, {s.batch, heads, s.tokens, s.tokens}) : nullptr;
    constexpr int64_t block = 48;

    forHeads<Scratch>(s, [&](int64_t photo, int64_t head, Scratch& scratch) {
      const Matrix queries = s.part(mixed.data, photo, head, 0);
      scratch.keys.pack(s.part(mixed.data, photo, head, 1).transposed(), s.depth, s.tokens);
      scratch.values.pack(s.part(mixed.data, photo, head, 2), s.tokens, s.depth);
      scratch.scores.resize(block * s.tokens);
      for (int64_t first = 0; first < s.tokens; first += block) {
        const int64_t rows = std::min(block, s.tokens - first);
        float* scores = probabilities ? probabilities + ((photo * heads + head) * s.tokens + first) * s.tokens
                                      : scratch.scores.data();
        const Matrix left{queries.data + first * queries.rowStride, queries.rowStride, 1};
        scratch.keys.multiply(left, rows, s.factor(), scores, s.tokens);
        for (int64_t row = 0; row < rows; ++row) {
          float* line = scores + row * s.tokens;
          if (biased) addTo(line, bias.data + (photo % kinds * heads + head) * s.pairs() + (first + row) * s.tokens, s.tokens);
          softmaxOf(line, s.tokens, line);
        }
        scratch.values.multiply({scores, s.tokens, 1}, rows, 1, y + s.offset(photo, head) + first * s.width, s.width);
      }
    });
  }
};

struct AttentionGrad {
  int64_t heads, kept;

  explicit AttentionGrad(Attributes& attributes)
      : heads(attributes.integer("heads", 1)), kept(attributes.integer("kept", 0)) {}

  struct Scratch {
    Panels values, slopes, keys, queries;
    std::vector<float> scores;
  };

  void compute(Call& call) const {
    const Input mixed = call.input(1);
    const Sizes s(mixed.shape, heads);
    const Input dy = call.input(0, s.batch * s.tokens * s.width);
    const Input probabilities = call.input(2, s.batch * heads * s.pairs());
    float* dMixed = call.output(0, mixed.shape);
    float* dScores = kept ? call.output(1, probabilities.shape) : nullptr;

    forHeads<Scratch>(s, [&](int64_t photo, int64_t head, Scratch& scratch) {
      const Matrix slope{dy.data + s.offset(photo, head), s.width, 1};
      const int64_t scoresBegin = (photo * heads + head) * s.pairs();
      const Matrix shares{probabilities.data + scoresBegin, s.tokens, 1};
      scratch.values.pack(s.part(mixed.data, photo, head, 2).transposed(), s.depth, s.tokens);
      scratch.slopes.pack(slope, s.tokens, s.depth);
      scratch.keys.pack(s.part(mixed.data, photo, head, 1), s.tokens, s.depth);
      scratch.queries.pack(s.part(mixed.data, photo, head, 0), s.tokens, s.depth);
      scratch.scores.resize(s.pairs());
      float* scores = dScores ? dScores + scoresBegin : scratch.scores.data();

      scratch.values.multiply(slope, s.tokens, 1, scores, s.tokens);
      for (int64_t row = 0; row < s.tokens; ++row) {
        float* line = scores + row * s.tokens;
        softmaxSlopeOf(shares.data + row * s.tokens, line, s.tokens, line);
      }
      const Matrix dScore{scores, s.tokens, 1};
      const auto target = [&](int part) { return dMixed + s.offset(photo, head, part); };
      scratch.keys.multiply(dScore, s.tokens, s.factor(), target(0), 3 * s.width);
      scratch.queries.multiply(dScore.transposed(), s.tokens, s.factor(), target(1), 3 * s.width);
      scratch.slopes.multiply(shares.transposed(), s.tokens, 1, target(2), 3 * s.width);
    });
  }
};

const Registration<Attention> attention("LabAttention", {{"mixed: float", "bias: biases * float"},
                                                         {"y: float", "probabilities: kept * float"},
                                                         {"heads: int", "biases: int >= 0", "kept: int >= 0"}});
const Registration<AttentionGrad> attentionGrad("LabAttentionGrad",
                                                {{"dy: float", "mixed: float", "probabilities: float"},
                                                 {"dmixed: float", "dscores: kept * float"},
                                                 {"heads: int", "kept: int >= 0"}});

}  // namespace
}  // namespace lab
