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
    return values_.data() + column * rows_ + row / tileDepth * 2 * tileSize + row % tileDepth * tileWidth;
  }

  // The product of 32 rows of the left factor and 32 columns of this.
  void multiply(TileSums& tiles, const Rows& left, int64_t row, int64_t column, float* sums, int64_t stride) const {
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

inline float product(const Bfloat16* a, const Bfloat16* b, int64_t count) {
  return total(count, [&](auto v, int64_t i) { return load<decltype(v)>(a + i) * load<decltype(v)>(b + i); });
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

struct TiledAttention {
  AttentionOptions options;
  int64_t kept;

  explicit TiledAttention(Attributes& attributes) : options(attributes), kept(attributes.integer("kept", 0)) {}

  struct Scratch {
    Rows rows, queries, shares;
    Panels keys, values;
    Floats scores, sums;
    TileSums tiles;

    explicit Scratch(const AttentionLayout&) {}
  };

  void compute(Call& call) const {
    const InputOf<Bfloat16> mixed = call.input<Bfloat16>(0);
    const AttentionLayout layout(mixed.shape, options);
    const int64_t tokens = layout.tokens, depth = layout.depth;
    const ScoreBias bias(call, 1, layout);
    Bfloat16* y = call.output<Bfloat16>(0, layout.outputShape());
    float* logarithms = kept ? call.output(1, {layout.sequences, layout.heads, tokens}) : nullptr;

    forHeads<Scratch>(layout, [&](const Head& h, Scratch& scratch) {
      const auto gather = [&](Rows& rows, int part) {
        rows.gather(mixed.data, tokens, depth, [&](int64_t token) { return h.part(token, part); });
      };
      gather(scratch.queries, 0);
      gather(scratch.rows, 1);
      scratch.keys.turn(scratch.rows);
      gather(scratch.rows, 2);
      scratch.values.lay(scratch.rows);
      scratch.shares.resize(tilesWidth, tokens);
      const int64_t width = scratch.shares.columns();
      float* scores = scratch.scores.room(tilesWidth * width);
      float* sums = scratch.sums.room(tilesWidth * tilesWidth);
      for (int64_t first = 0; first < tokens; first += tilesWidth) {
        const int64_t count = std::min(tilesWidth, tokens - first);
        for (int64_t key = 0; key < tokens; key += tilesWidth) {
          scratch.keys.multiply(scratch.tiles, scratch.queries, first, key, scores + key, width);
        }
        float shares[tilesWidth];
        for (int64_t i = 0; i < count; ++i) {
          const float* added = bias ? bias.row(h, first + i) : nullptr;
          const Powers powers = powersOf(scores + i * width, tokens, layout.factor(), added, scratch.shares.row(i));
          shares[i] = 1 / powers.sum;
          if (logarithms) logarithms[h.own(tokens) + first + i] = powers.greatest + std::log(powers.sum);
        }
        for (int64_t column = 0; column < depth; column += tilesWidth) {
          scratch.values.multiply(scratch.tiles, scratch.shares, 0, column, sums, tilesWidth);
          for (int64_t i = 0; i < count; ++i) {
            storeSome(y + h.given(first + i) + column, scaled(sums + i * tilesWidth, shares[i]), depth - column);
          }
        }
      }
    });
  }
};

// In one row of scores for each key: the shares, and the slopes of the scores.
struct TiledAttentionGrad {
  AttentionOptions options;
  int64_t kept;

  explicit TiledAttentionGrad(Attributes& attributes) : options(attributes), kept(attributes.integer("kept", 0)) {}

  struct Scratch {
    Rows queries, keys, values, slope, turned, shares, slopes;
    Panels queryColumns, slopeColumns, queryRows, slopeRows, scoreSlopes;
    Floats scores, shareSlopes, logarithms, means, sums;
    TileSums tiles;

    explicit Scratch(const AttentionLayout&) {}
  };

  void compute(Call& call) const {
    const InputOf<Bfloat16> mixed = call.input<Bfloat16>(1);
    const AttentionLayout layout(mixed.shape, options);
    const int64_t tokens = layout.tokens, depth = layout.depth, size = sizeOf(layout.outputShape());
    const InputOf<Bfloat16> dy = call.input<Bfloat16>(0, size), y = call.input<Bfloat16>(2, size);
    const Input logarithms = call.input(3, layout.sequences * layout.heads * tokens);
    const ScoreBias bias(call, 4, layout);
    Bfloat16* dMixed = call.output<Bfloat16>(0, mixed.shape);
    float* dScores = kept ? call.output(1, {layout.sequences, layout.heads, tokens, tokens}) : nullptr;

    forHeads<Scratch>(layout, [&](const Head& h, Scratch& s) {
      const auto part = [&](int part) { return [&h, part](int64_t token) { return h.part(token, part); }; };
      const auto given = [&](int64_t token) { return h.given(token); };
      s.queries.gather(mixed.data, tokens, depth, part(0));
      s.keys.gather(mixed.data, tokens, depth, part(1));
      s.values.gather(mixed.data, tokens, depth, part(2));
      s.slope.gather(dy.data, tokens, depth, given);
      s.queryColumns.turn(s.queries);
      s.slopeColumns.turn(s.slope);
      s.queryRows.lay(s.queries);
      s.slopeRows.lay(s.slope);
      s.turned.turn(s.keys);
      s.shares.resize(tilesWidth, tokens);
      s.slopes.resize(tilesWidth, tokens);
      const int64_t width = s.shares.columns();
      s.scoreSlopes.resize(width, width);
      float* scores = s.scores.room(tilesWidth * width);
      float* shareSlopes = s.shareSlopes.room(tilesWidth * width);
      float* sums = s.sums.room(tilesWidth * tilesWidth);

      // A query that is none has no share anywhere.
      float* logarithm = s.logarithms.room(width);
      std::fill(std::copy_n(logarithms.data + h.own(tokens), tokens, logarithm), logarithm + width, INFINITY);
      float* mean = s.means.room(width);
      std::fill(mean, mean + width, 0.0f);
      for (int64_t token = 0; token < tokens; ++token) mean[token] = product(dy.data + given(token), y.data + given(token), depth);

      for (int64_t first = 0; first < tokens; first += tilesWidth) {
        for (int64_t query = 0; query < tokens; query += tilesWidth) {
          s.queryColumns.multiply(s.tiles, s.keys, first, query, scores + query, width);
          s.slopeColumns.multiply(s.tiles, s.values, first, query, shareSlopes + query, width);
        }
        const int64_t count = std::min(tilesWidth, tokens - first);
        for (int64_t i = 0; i < tilesWidth; ++i) {
          if (i >= count) {
            std::fill_n(s.slopes.row(i), width, Bfloat16{});
            continue;
          }
          const float* added = bias ? bias.row(h, first + i) : nullptr;
          float* kept = dScores ? dScores + h.own(layout.pairs()) + (first + i) * tokens : nullptr;
          for (int64_t j = 0; j < width; j += tileWidth) {
            Wide score = load<Wide>(scores + i * width + j) * layout.factor() - load<Wide>(logarithm + j);
            if (added && j < tokens) score += some(added + j, tokens - j);
            const Wide share = roughExponential(score);
            const Wide slope = share * (load<Wide>(shareSlopes + i * width + j) - load<Wide>(mean + j));
            store(s.shares.row(i) + j, share);
            store(s.slopes.row(i) + j, slope);
            if (kept && j < tokens) {
              _mm512_mask_storeu_ps(kept + j, tokens - j >= tileWidth ? 0xffff : (1u << (tokens - j)) - 1, slope);
            }
          }
        }
        for (int64_t i = 0; i < tilesWidth; i += 2) {
          for (int64_t query = 0; query < width; query += tilesWidth) {
            layRows(halves(s.slopes.row(i) + query), halves(s.slopes.row(i + 1) + query), s.scoreSlopes.at(first + i, query));
          }
        }
        const auto give = [&](const Panels& right, const Rows& left, int target, float factor) {
          for (int64_t column = 0; column < depth; column += tilesWidth) {
            right.multiply(s.tiles, left, 0, column, sums, tilesWidth);
            for (int64_t i = 0; i < count; ++i) {
              storeSome(dMixed + h.part(first + i, target) + column, scaled(sums + i * tilesWidth, factor), depth - column);
            }
          }
        };
        give(s.slopeRows, s.shares, 2, 1);
        give(s.queryRows, s.slopes, 1, layout.factor());
      }

      for (int64_t query = 0; query < tokens; query += tilesWidth) {
        for (int64_t column = 0; column < depth; column += tilesWidth) {
          s.scoreSlopes.multiply(s.tiles, s.turned, column, query, sums, tilesWidth);
          turnRows([&](int64_t i) { return scaled(sums + i * tilesWidth, layout.factor()); },
                   [&](int64_t i, __m512i row) {
                     if (query + i < tokens) storeSome(dMixed + h.part(query + i, 0) + column, row, depth - column);
                   });
        }
      }
    });
  }
};

const Registration<TiledAttention> tiledAttention("LabTiledAttention",
                                                  {{"mixed: bfloat16", "bias: biases * float"},
                                                   {"y: bfloat16", "logarithms: kept * float"},
                                                   {"heads: int", "side: int", "shift: list(int)", "biases: int >= 0",
                                                    "kept: int >= 0"}});
const Registration<TiledAttentionGrad> tiledAttentionGrad(
    "LabTiledAttentionGrad",
    {{"dy: bfloat16", "mixed: bfloat16", "y: bfloat16", "logarithms: float", "bias: biases * float"},
     {"dmixed: bfloat16", "dscores: kept * float"},
     {"heads: int", "side: int", "shift: list(int)", "biases: int >= 0", "kept: int >= 0"}});

}  // namespace
}  // namespace lab

#endif
