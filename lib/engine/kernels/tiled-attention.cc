// Multi-head self-attention in bfloat16 by tiles. Of the scores only the logarithm of each row's sum is kept; the gradient
// computes them once more (as in Dao et al. 2022, arXiv:2205.14135), a row for each key.
#include "tiles.h"

#ifdef LAB_TILES

#include "attention.h"

namespace lab {
namespace {

// Numbers of some rows, [row, column], filled up with zeros to whole tiles.
class Rows {
 public:
  // Odd multiples of a tile's row do not meet in the same places of a cache.
  void resize(int64_t rows, int64_t columns) {
    rows_ = roundedUp(rows, tilesWidth), columns_ = roundedUp(columns, tilesWidth), stride_ = columns_ | tileDepth;
    values_.resize(rows_ * stride_);
  }

  // `place(row)` tells where a row's numbers are in a tensor.
  template <class Place>
  void gather(const Bfloat16* from, int64_t rows, int64_t columns, const Place& place) {
    resize(rows, columns);
    for (int64_t i = 0; i < rows_; ++i) {
      for (int64_t j = 0; j < columns_; j += tilesWidth) {
        _mm512_store_si512(row(i) + j, i < rows ? halves(from + place(i) + j, columns - j) : __m512i{});
      }
    }
  }

  // The same with rows for columns.
  void turn(const Rows& other) {
    resize(other.columns_, other.rows_);
    for (int64_t i = 0; i < rows_; i += tilesWidth) {
      for (int64_t j = 0; j < columns_; j += tilesWidth) {
        turnRows([&](int64_t k) { return halves(other.row(j + k) + i); },
                 [&](int64_t k, __m512i column) { _mm512_store_si512(row(i + k) + j, column); });
      }
    }
  }

  int64_t rows() const { return rows_; }
  int64_t columns() const { return columns_; }
  int64_t stride() const { return stride_; }
  Bfloat16* row(int64_t i) const { return values_.data() + i * stride_; }

 private:
  int64_t rows_ = 0, columns_ = 0, stride_ = 0;
  Halves values_;
};

// The right factor of products.
class Panels {
 public:
  void resize(int64_t rows, int64_t columns) {
    rows_ = rows;
    values_.resize(rows * columns);
  }

  void lay(const Rows& factor) {
    resize(factor.rows(), factor.columns());
    for (int64_t k = 0; k < factor.rows(); k += tileDepth) {
      for (int64_t j = 0; j < factor.columns(); j += tilesWidth) {
        layPanel(factor.row(k) + j, factor.stride(), tilesWidth, tileDepth, at(k, j));
      }
    }
  }

  // The rows are columns of the factor.
  void turn(const Rows& columns) {
    resize(columns.columns(), columns.rows());
    for (int64_t j = 0; j < columns.rows(); j += tilesWidth) {
      for (int64_t k = 0; k < columns.columns(); k += tileDepth) {
        turnPanel(columns.row(j) + k, columns.stride(), tilesWidth, tileDepth, at(k, j));
      }
    }
  }

  // Where two rows of 32 columns begin.
  Bfloat16* at(int64_t row, int64_t column) const {
    return values_.data() + column * rows_ + placeInPanel(row);
  }

  // The product of 32 rows of the left factor and 32 columns of this.
  void multiply(TileSums& tiles, const Rows& left, int64_t row, int64_t column, float* sums, int64_t stride = tilesWidth) const {
    tiles.clear();
    tiles.add(left.row(row), left.stride(), at(0, column), rows_);
    tiles.read(sums, stride);
  }

 private:
  int64_t rows_ = 0;
  Halves values_;
};

// 16 numbers, or `count` and zeros.
inline Wide some(const float* from, int64_t count) {
  return count >= tileWidth ? load<Wide>(from) : _mm512_maskz_loadu_ps((1u << count) - 1, from);
}

inline void storeSome(Bfloat16* to, __m512i values, int64_t count) {
  if (count >= tilesWidth) {
    _mm512_storeu_si512(to, values);
  } else {
    _mm512_mask_storeu_epi16(to, (1u << count) - 1, values);
  }
}

// 32 numbers as bfloat16.
inline __m512i scaled(const float* from, float factor) {
  return (__m512i)_mm512_cvtne2ps_pbh(load<Wide>(from + tileWidth) * factor, load<Wide>(from) * factor);
}

// The product of `count` of 32 rows and the first `columns` columns of a right factor: row i is multiplied by `factor(i)` and
// stored where `to(i)` says.
template <class Factor, class Place>
void storeProduct(TileSums& tiles, const Rows& left, const Panels& right, int64_t count, int64_t columns, const Factor& factor,
                  const Place& to) {
  alignas(64) float sums[tilesWidth * tilesWidth];
  for (int64_t column = 0; column < columns; column += tilesWidth) {
    right.multiply(tiles, left, 0, column, sums);
    for (int64_t i = 0; i < count; ++i) storeSome(to(i) + column, scaled(sums + i * tilesWidth, factor(i)), columns - column);
  }
}

// Floats on cache lines.
class Floats {
 public:
  float* room(int64_t count) {
    values_.resize(count * 2);
    return reinterpret_cast<float*>(values_.data());
  }

 private:
  Halves values_;
};

struct Powers {
  float sum, greatest;
};

// The softmax of factor * scores + bias, without the division by the sum: the shares are written up to whole tiles, with
// zeros behind them. Returns the sum, and the greatest score, by whose power all are divided.
Powers powersOf(float* scores, int64_t count, float factor, const float* bias, Bfloat16* shares) {
  Wide greatest = all<Wide>(-INFINITY);
  for (int64_t i = 0; i < count; i += tileWidth) {
    Wide score = load<Wide>(scores + i) * factor;
    if (bias) score += some(bias + i, count - i);
    if (count - i < tileWidth) score = _mm512_mask_blend_ps((1u << (count - i)) - 1, all<Wide>(-INFINITY), score);
    store(scores + i, score);
    greatest = _mm512_max_ps(greatest, score);
  }
  const float most = _mm512_reduce_max_ps(greatest);
  Wide sum{};
  for (int64_t i = 0; i < roundedUp(count, tileDepth); i += tileWidth) {
    Wide power{};
    if (i < count) power = roughExponential(load<Wide>(scores + i) - most);
    sum += power;
    store(shares + i, power);
  }
  return {_mm512_reduce_add_ps(sum), most};
}

// Attention in one head after another; what it takes for that is kept from one to the next.
class HeadAttention {
 public:
  using Bias = ScoreBias;

  explicit HeadAttention(const AttentionLayout& layout)
      : tokens_(layout.tokens), depth_(layout.depth), factor_(layout.factor()) {
    shares_.resize(tilesWidth, tokens_);
  }

  // `logarithms` may be none.
  void compute(const Head& h, const Bfloat16* mixed, const ScoreBias& bias, Bfloat16* y, float* logarithms) {
    const auto part = [&](int part) { return [&h, part](int64_t token) { return h.part(token, part); }; };
    rows_.gather(mixed, tokens_, depth_, part(1));
    keys_.turn(rows_);
    rows_.gather(mixed, tokens_, depth_, part(2));
    values_.lay(rows_);
    rows_.gather(mixed, tokens_, depth_, part(0));
    for (int64_t first = 0; first < tokens_; first += tilesWidth) {
      answer(h, first, bias, y, logarithms ? logarithms + h.own(tokens_) + first : nullptr);
    }
  }

 private:
  // Of 32 queries.
  void answer(const Head& h, int64_t first, const ScoreBias& bias, Bfloat16* y, float* logarithms) {
    const int64_t count = std::min(tilesWidth, tokens_ - first), width = shares_.columns();
    float* scores = scores_.room(tilesWidth * width);
    for (int64_t key = 0; key < tokens_; key += tilesWidth) {
      keys_.multiply(tiles_, rows_, first, key, scores + key, width);
    }
    float shares[tilesWidth];
    for (int64_t i = 0; i < count; ++i) {
      const float* added = bias ? bias.row(h, first + i) : nullptr;
      const Powers powers = powersOf(scores + i * width, tokens_, factor_, added, shares_.row(i));
      shares[i] = 1 / powers.sum;
      if (logarithms) logarithms[i] = powers.greatest + std::log(powers.sum);
    }
    storeProduct(tiles_, shares_, values_, count, depth_, [&](int64_t i) { return shares[i]; },
                 [&](int64_t i) { return y + h.given(first + i); });
  }

  int64_t tokens_, depth_;
  float factor_;
  Rows rows_, shares_;
  Panels keys_, values_;
  Floats scores_;
  TileSums tiles_;
};

// The gradient in one head after another; what it takes for that is kept from one to the next. Scores have a row for each key
// here, so that the products in keys and values find the shares as their left factor.
class HeadGrad {
 public:
  explicit HeadGrad(const AttentionLayout& layout)
      : tokens_(layout.tokens), depth_(layout.depth), width_(roundedUp(tokens_, tilesWidth)), factor_(layout.factor()) {
    shares_.resize(tilesWidth, tokens_);
    slopes_.resize(tilesWidth, tokens_);
    scoreSlopes_.resize(width_, width_);
  }

  void compute(const Head& h, const AttentionTensors<Bfloat16>& tensors) {
    read(h, tensors);
    for (int64_t first = 0; first < tokens_; first += tilesWidth) {
      fillScores(h, tensors, first);
      give(h, slopeRows_, shares_, first, tensors.dMixed, 2, 1);
      give(h, queryRows_, slopes_, first, tensors.dMixed, 1, factor_);
    }
    giveQueries(h, tensors.dMixed);
  }

 private:
  void read(const Head& h, const AttentionTensors<Bfloat16>& tensors) {
    const auto part = [&](int part) { return [&h, part](int64_t token) { return h.part(token, part); }; };
    const auto given = [&](int64_t token) { return h.given(token); };
    rows_.gather(tensors.mixed, tokens_, depth_, part(0));
    queryColumns_.turn(rows_);
    queryRows_.lay(rows_);
    rows_.gather(tensors.dy, tokens_, depth_, given);
    slopeColumns_.turn(rows_);
    slopeRows_.lay(rows_);
    keys_.gather(tensors.mixed, tokens_, depth_, part(1));
    keyColumns_.turn(keys_);
    values_.gather(tensors.mixed, tokens_, depth_, part(2));

    // A query that is none has no share anywhere.
    float* logarithms = logarithms_.room(width_);
    std::fill(std::copy_n(tensors.logarithms + h.own(tokens_), tokens_, logarithms), logarithms + width_, INFINITY);
    float* means = means_.room(width_);
    std::fill(means, means + width_, 0.0f);
    for (int64_t token = 0; token < tokens_; ++token) means[token] = tensors.meanSlope(h, token);
  }

  // The shares of 32 keys, and the slopes of their scores.
  void fillScores(const Head& h, const AttentionTensors<Bfloat16>& tensors, int64_t first) {
    float *scores = scores_.room(tilesWidth * width_), *shareSlopes = shareSlopes_.room(tilesWidth * width_);
    for (int64_t query = 0; query < tokens_; query += tilesWidth) {
      queryColumns_.multiply(tiles_, keys_, first, query, scores + query, width_);
      slopeColumns_.multiply(tiles_, values_, first, query, shareSlopes + query, width_);
    }
    for (int64_t i = 0; i < tilesWidth; ++i) {
      const int64_t key = first + i;
      if (key < tokens_) {
        const float* bias = tensors.bias ? tensors.bias.row(h, key) : nullptr;
        float* kept = tensors.dScores ? tensors.dScores + h.own(tokens_ * tokens_) + key * tokens_ : nullptr;
        fillKey(scores + i * width_, shareSlopes + i * width_, bias, i, kept);
      } else {
        std::fill_n(slopes_.row(i), width_, Bfloat16{});
      }
      if (i % 2 == 0) continue;
      for (int64_t query = 0; query < width_; query += tilesWidth) {
        layRows(halves(slopes_.row(i - 1) + query), halves(slopes_.row(i) + query), scoreSlopes_.at(key - 1, query));
      }
    }
  }

  void fillKey(const float* scores, const float* shareSlopes, const float* bias, int64_t row, float* kept) {
    const float *logarithms = logarithms_.room(width_), *means = means_.room(width_);
    for (int64_t j = 0; j < width_; j += tileWidth) {
      Wide score = load<Wide>(scores + j) * factor_ - load<Wide>(logarithms + j);
      if (bias) score += load<Wide>(bias + j);
      const Wide share = roughExponential(score);
      const Wide slope = share * (load<Wide>(shareSlopes + j) - load<Wide>(means + j));
      store(shares_.row(row) + j, share);
      store(slopes_.row(row) + j, slope);
      if (kept && j < tokens_) {
        _mm512_mask_storeu_ps(kept + j, tokens_ - j >= tileWidth ? 0xffff : (1u << (tokens_ - j)) - 1, slope);
      }
    }
  }

  // What 32 keys or values get.
  void give(const Head& h, const Panels& right, const Rows& left, int64_t first, Bfloat16* dMixed, int part, float factor) {
    storeProduct(tiles_, left, right, std::min(tilesWidth, tokens_ - first), depth_, [&](int64_t) { return factor; },
                 [&](int64_t i) { return dMixed + h.part(first + i, part); });
  }

  void giveQueries(const Head& h, Bfloat16* dMixed) {
    alignas(64) float sums[tilesWidth * tilesWidth];
    for (int64_t query = 0; query < tokens_; query += tilesWidth) {
      for (int64_t column = 0; column < depth_; column += tilesWidth) {
        scoreSlopes_.multiply(tiles_, keyColumns_, column, query, sums);
        turnRows([&](int64_t i) { return scaled(sums + i * tilesWidth, factor_); },
                 [&](int64_t i, __m512i row) {
                   if (query + i < tokens_) storeSome(dMixed + h.part(query + i, 0) + column, row, depth_ - column);
                 });
      }
    }
  }

  int64_t tokens_, depth_, width_;
  float factor_;
  Rows rows_, keys_, values_, keyColumns_, shares_, slopes_;
  Panels queryColumns_, slopeColumns_, queryRows_, slopeRows_, scoreSlopes_;
  Floats scores_, shareSlopes_, logarithms_, means_;
  TileSums tiles_;
};

const Registration<AttentionBy<Bfloat16, HeadAttention>> attention(
    "LabTiledAttention",
    {{"mixed: bfloat16", "bias: biases * float"}, {"y: bfloat16", "logarithms: kept * float"}, AttentionOptions::names()});
const Registration<AttentionGradBy<Bfloat16, HeadGrad>> attentionGrad(
    "LabTiledAttentionGrad",
    {{"dy: bfloat16", "mixed: bfloat16", "y: bfloat16", "logarithms: float", "bias: biases * float"},
     {"dmixed: bfloat16", "dscores: kept * float"},
     AttentionOptions::names()});

}  // namespace
}  // namespace lab

#endif
