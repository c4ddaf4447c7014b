// shared_steps: neighbouring dense columns that are expressions, each with a stretch of steps that its neighbours share
// computed once: a value and its indicator decode the column once, the columns of a one-hot encoding look keys up once.
// Input   expressions, and a table that suits their sources.
// Output  a column of float32 for each, as dense_output.hpp says.
// Error   0 between levels: as the expressions (expression.hpp).
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/aligned.hpp"
#include "kernels/dense_output.hpp"
#include "kernels/expression.hpp"

namespace mlrt::dense {

using expression::Expression;
using expression::Step;

static_assert(kTileRows <= expression::kStepRows);

// A stretch of one expression. It starts from the source or from the value in a slot, and leaves its own value in the
// slot `to`, for the segments that follow it, or writes a column.
struct Segment {
  static constexpr std::size_t kSource = static_cast<std::size_t>(-1);

  const Expression* expression;
  std::size_t from;
  std::size_t to;
  std::vector<expression::Pass> passes = {};
  std::optional<expression::Finish> finish = {};  // writes the column
  std::size_t column = 0;

  bool takes_float32() const { return passes.empty() ? finish.has_value() : passes.front().is_fused(); }
};

// How many parts two expressions share from the start, the source counted as one.
inline std::size_t shared_parts(const Expression& a, const Expression& b) {
  if (!(a.source == b.source)) return 0;
  const auto end = std::mismatch(a.steps.begin(), a.steps.end(), b.steps.begin(), b.steps.end()).first;
  return 1 + static_cast<std::size_t>(end - a.steps.begin());
}

// The segments of all expressions, in their order. A value is kept, in a slot of a stack, while an expression that
// starts with the same parts follows.
class Segments {
 public:
  explicit Segments(const std::vector<Expression>& all) {
    std::vector<std::size_t> shared(all.size(), 0);  // with the next
    for (std::size_t j = 0; j + 1 < all.size(); ++j) shared[j] = shared_parts(all[j], all[j + 1]);
    for (std::size_t j = 0; j < all.size(); ++j) {
      while (!kept_.empty() && kept_.back() > shared[j - 1]) kept_.pop_back();
      for (const std::size_t parts : parts_to_keep(shared, j)) keep(all[j], parts);
      finish(all[j], j);
    }
  }

  const std::vector<Segment>& list() const { return list_; }
  std::size_t slots() const { return slots_; }

 private:
  std::size_t done() const { return kept_.empty() ? 0 : kept_.back(); }

  // After how many parts of expression j a value is needed by those that follow, ascending.
  std::vector<std::size_t> parts_to_keep(const std::vector<std::size_t>& shared, std::size_t j) const {
    std::vector<std::size_t> result;
    std::size_t parts = static_cast<std::size_t>(-1);
    for (; j < shared.size(); ++j) {
      parts = std::min(parts, shared[j]);
      if (parts <= done()) break;
      if (result.empty() || parts < result.back()) result.push_back(parts);
    }
    std::reverse(result.begin(), result.end());
    return result;
  }

  Segment start(const Expression& expression) {
    slots_ = std::max(slots_, kept_.size() + 1);
    return {&expression, kept_.empty() ? Segment::kSource : kept_.size() - 1, kept_.size()};
  }

  const Step* next_step(const Expression& expression) const {
    return expression.steps.data() + (kept_.empty() ? 0 : kept_.back() - 1);
  }

  void keep(const Expression& expression, std::size_t parts) {
    Segment segment = start(expression);
    segment.passes = expression::passes(next_step(expression), expression.steps.data() + (parts - 1));
    list_.push_back(std::move(segment));
    kept_.push_back(parts);
  }

  // The rest of the expression: its last pass, if that is fused, and an affine behind it are part of the last loop.
  void finish(const Expression& expression, std::size_t column) {
    Segment segment = start(expression);
    const Step* const first = next_step(expression);
    const Step* last = expression.steps.data() + expression.steps.size();
    expression::Finish end;
    if (last != first && last[-1].operation == expression::Operation::affine) {
      --last;
      end.center = last->parameters[0];
      end.scale = last->parameters[1];
    }
    segment.passes = expression::passes(first, last);
    if (!segment.passes.empty() && segment.passes.back().is_fused()) {
      end.pass = segment.passes.back();
      segment.passes.pop_back();
    }
    segment.finish = end;
    segment.column = column;
    list_.push_back(std::move(segment));
  }

  std::vector<Segment> list_;
  std::vector<std::size_t> kept_;  // by slot: after how many parts its value was taken
  std::size_t slots_ = 0;
};

class Expressions final : public Output {
 public:
  explicit Expressions(std::vector<Expression> expressions)
      : expressions_(std::move(expressions)), segments_(expressions_) {}
  Expressions(const Expressions&) = delete;  // the segments point into the expressions
  Expressions& operator=(const Expressions&) = delete;

  std::size_t width() const override { return expressions_.size(); }
  std::unique_ptr<Bound> bind(const Table& table) const override {
    return std::make_unique<BoundSegments>(segments_, table, active_isa());
  }

 private:
  // One reader a segment that starts from its source.
  class BoundSegments final : public Bound {
   public:
    BoundSegments(const Segments& segments, const Table& table, Isa isa)
        : segments_(segments), loops_(expression::select(isa)) {
      for (const Segment& segment : segments.list())
        if (segment.from == Segment::kSource) readers_.emplace_back(segment.expression->source, table, isa);
    }

    std::unique_ptr<Filler> filler() const override { return std::make_unique<SegmentFiller>(*this); }

    const Segments& segments_;
    const expression::Loops& loops_;
    std::vector<expression::Reader> readers_;
  };

  class SegmentFiller final : public Filler {
   public:
    explicit SegmentFiller(const BoundSegments& bound)
        : bound_(bound),
          blocks_(bound.segments_.slots()),
          buffers_(bound.segments_.slots() * static_cast<std::size_t>(kTileRows)) {}

    void fill(const Span& span, std::int64_t begin, std::int64_t n, float* columns) override {
      alignas(64) float float32[kTileRows];
      const expression::Reader* reader = bound_.readers_.data();
      for (const Segment& segment : bound_.segments_.list()) {
        double* const buffer = buffers_.data() + segment.to * static_cast<std::size_t>(kTileRows);
        expression::Block block =
            segment.from == Segment::kSource
                ? (reader++)->read(span, begin, n, segment.takes_float32() ? float32 : nullptr, buffer)
                : blocks_[segment.from];
        for (const expression::Pass& pass : segment.passes) {
          bound_.loops_.pass(pass, block, n, buffer);
          block = {buffer, false};
        }
        if (segment.finish.has_value())
          bound_.loops_.finish(*segment.finish, block, n,
                               columns + segment.column * static_cast<std::size_t>(kTileRows));
        else
          blocks_[segment.to] = block;
      }
    }

   private:
    const BoundSegments& bound_;
    std::vector<expression::Block> blocks_;  // by slot
    std::vector<double, Allocator<double>> buffers_;
  };

  std::vector<Expression> expressions_;
  Segments segments_;
};

}  // namespace mlrt::dense
