// Multi-head self-attention in float32: softmax(Q K^T / sqrt(depth) + bias) V in each head. Of the scores only the logarithm of
// each query's sum is kept; the gradient computes them once more (as in Dao et al. 2022, arXiv:2205.14135).
//
// Scores have a row for each key: a vector holds those of several queries, and no sum goes across one.
#include "attention.h"

#include "products.h"

namespace lab {
namespace {

// Keys or the like of a head, [token, depth].
class Rows {
 public:
  // `place(token)` tells where a token's numbers are in a tensor.
  template <class Place>
  Matrix gather(const float* from, int64_t tokens, int64_t depth, const Place& place) {
    values_.resize(tokens * depth);
    float* to = values_.data();
    for (int64_t token = 0; token < tokens; ++token, to += depth) std::memcpy(to, from + place(token), depth * sizeof(float));
    return {values_.data(), depth, 1};
  }

 private:
  std::vector<float> values_;
};

// The products of keys and a panel of queries; rows are `stride` apart and have room for a whole panel.
void fillProducts(const Matrix& keys, int64_t tokens, const float* queries, int64_t depth, int64_t count, float* to,
                  int64_t stride) {
  multiplyPanel(keys, tokens, queries, depth, count, [&](int64_t key, Wide first, Wide second) {
    store(to + key * stride, first);
    store(to + key * stride + lanes<Wide>, second);
  });
}

// Attention in one head after another; what it takes for that is kept from one to the next.
class HeadAttention {
 public:
  using Bias = TurnedBias;

  explicit HeadAttention(const AttentionLayout& layout)
      : tokens_(layout.tokens), depth_(layout.depth), factor_(layout.factor()), scores_(tokens_ * panelWidth) {}

  // `logarithms` may be none.
  void compute(const Head& h, const float* mixed, const TurnedBias& bias, float* y, float* logarithms) {
    const auto part = [&](int part) { return [&h, part](int64_t token) { return h.part(token, part); }; };
    values_.pack(rows_.gather(mixed, tokens_, depth_, part(2)), tokens_, depth_);
    queries_.pack(rows_.gather(mixed, tokens_, depth_, part(0)).transposed(), depth_, tokens_);
    const Matrix keys = rows_.gather(mixed, tokens_, depth_, part(1));
    for (int64_t first = 0; first < tokens_; first += panelWidth) {
      const int64_t count = std::min<int64_t>(panelWidth, tokens_ - first);
      fillProducts(keys, tokens_, queries_.panel(first), depth_, count, scores_.data(), panelWidth);
      float shares[panelWidth], logarithmsOfSums[panelWidth];
      for (int64_t i = 0; i < count; i += lanes<Wide>) {
        const Wide sum = fillPowers(i, bias ? bias.row(h, 0) + first + i : nullptr, bias.stride(), logarithmsOfSums + i);
        store(shares + i, 1.0f / sum);
      }
      if (logarithms) std::memcpy(logarithms + h.own(tokens_) + first, logarithmsOfSums, count * sizeof(float));
      values_.multiply({scores_.data(), 1, panelWidth}, count, [&](int64_t i) { return shares[i]; },
                       [&](int64_t i) { return y + h.given(first + i); });
    }
  }

 private:
  // The scores of a vector of queries, from `at` on in the panel, become powers, of which it returns the sum: softmax without the
  // division. `bias` has a row for each key.
  Wide fillPowers(int64_t at, const float* bias, int64_t stride, float* logarithms) {
    float* scores = &scores_[at];
    Wide most = all<Wide>(-INFINITY), sum{};
    for (int64_t key = 0; key < tokens_; ++key) {
      Wide score = load<Wide>(scores + key * panelWidth) * factor_;
      if (bias) score += load<Wide>(bias + key * stride);
      store(scores + key * panelWidth, score);
      most = most > score ? most : score;
    }
    for (int64_t key = 0; key < tokens_; ++key) {
      const Wide power = exponential(load<Wide>(scores + key * panelWidth) - most);
      store(scores + key * panelWidth, power);
      sum += power;
    }
    for (int i = 0; i < lanes<Wide>; ++i) logarithms[i] = most[i] + std::log(sum[i]);
    return sum;
  }

  int64_t tokens_, depth_;
  float factor_;
  Rows rows_;
  Panels queries_, values_;
  std::vector<float> scores_;
};

// The gradient in one head after another; what it takes for that is kept from one to the next.
class HeadGrad {
 public:
  explicit HeadGrad(const AttentionLayout& layout)
      : tokens_(layout.tokens), depth_(layout.depth), width_(panelsOf(tokens_) * panelWidth), factor_(layout.factor()),
        shares_(tokens_ * width_), slopes_(tokens_ * width_), logarithms_(width_), means_(width_) {}

  void compute(const Head& h, const AttentionTensors<float>& tensors) {
    const auto part = [&](int part) { return [&h, part](int64_t token) { return h.part(token, part); }; };
    const Matrix slope = rows_.gather(tensors.dy, tokens_, depth_, [&](int64_t token) { return h.given(token); });
    slopeRows_.pack(slope, tokens_, depth_);
    slopeColumns_.pack(slope.transposed(), depth_, tokens_);
    const Matrix queries = rows_.gather(tensors.mixed, tokens_, depth_, part(0));
    queryRows_.pack(queries, tokens_, depth_);
    queryColumns_.pack(queries.transposed(), depth_, tokens_);
    const Matrix keys = rows_.gather(tensors.mixed, tokens_, depth_, part(1));
    keyRows_.pack(keys, tokens_, depth_);
    const Matrix values = values_.gather(tensors.mixed, tokens_, depth_, part(2));
    std::copy_n(tensors.logarithms + h.own(tokens_), tokens_, logarithms_.begin());
    for (int64_t token = 0; token < tokens_; ++token) means_[token] = tensors.meanSlope(h, token);

    for (int64_t first = 0; first < tokens_; first += panelWidth) {
      fillScores(keys, values, first, tensors.bias ? tensors.bias.row(h, 0) + first : nullptr, tensors.bias.stride());
    }
    if (tensors.dScores) {
      float* to = tensors.dScores + h.own(tokens_ * tokens_);
      for (int64_t key = 0; key < tokens_; ++key) std::copy_n(&slopes_[key * width_], tokens_, to + key * tokens_);
    }
    const auto to = [&](int part) { return [&, part](int64_t token) { return tensors.dMixed + h.part(token, part); }; };
    const auto times = [](float factor) { return [factor](int64_t) { return factor; }; };
    const Matrix shares{shares_.data(), width_, 1}, scoreSlopes{slopes_.data(), width_, 1};
    slopeRows_.multiply(shares, tokens_, times(1), to(2));
    queryRows_.multiply(scoreSlopes, tokens_, times(factor_), to(1));
    keyRows_.multiply(scoreSlopes.transposed(), tokens_, times(factor_), to(0));
  }

 private:
  // The shares of a panel's queries, and the slopes of their scores. `bias` has a row for each key.
  void fillScores(const Matrix& keys, const Matrix& values, int64_t first, const float* bias, int64_t stride) {
    const int64_t count = std::min<int64_t>(panelWidth, tokens_ - first);
    fillProducts(keys, tokens_, queryColumns_.panel(first), depth_, count, &shares_[first], width_);
    multiplyPanel(values, tokens_, slopeColumns_.panel(first), depth_, count, [&](int64_t key, Wide a, Wide b) {
      fillSlopes(key, first, a, bias ? bias + key * stride : nullptr);
      if (count > lanes<Wide>) fillSlopes(key, first + lanes<Wide>, b, bias ? bias + key * stride + lanes<Wide> : nullptr);
    });
  }

  void fillSlopes(int64_t key, int64_t query, Wide shareSlope, const float* bias) {
    const int64_t at = key * width_ + query;
    Wide score = load<Wide>(&shares_[at]) * factor_ - load<Wide>(&logarithms_[query]);
    if (bias) score += load<Wide>(bias);
    const Wide share = exponential(score);
    store(&shares_[at], share);
    store(&slopes_[at], share * (shareSlope - load<Wide>(&means_[query])));
  }

  int64_t tokens_, depth_, width_;
  float factor_;
  Rows rows_, values_;
  Panels queryColumns_, slopeColumns_, queryRows_, keyRows_, slopeRows_;
  std::vector<float> shares_, slopes_, logarithms_, means_;
};

const Registration<AttentionBy<float, HeadAttention>> attention("LabAttention", {{"mixed: float", "bias: biases * float"},
                                                                                {"y: float", "logarithms: kept * float"},
                                                                                AttentionOptions::names()});
const Registration<AttentionGradBy<float, HeadGrad>> attentionGrad(
    "LabAttentionGrad", {{"dy: float", "mixed: float", "y: float", "logarithms: float", "bias: biases * float"},
                         {"dmixed: float", "dscores: kept * float"},
                         AttentionOptions::names()});

}  // namespace
}  // namespace lab
