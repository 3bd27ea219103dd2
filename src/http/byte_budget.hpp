#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace davenport::http {

// A number of bytes that all requests share. Thread-safe.
class ByteBudget {
  public:
    explicit ByteBudget(std::uint64_t bytes) : left_(bytes) {}

    bool take(std::uint64_t bytes) {
        auto left = left_.load(std::memory_order_relaxed);
        do {
            if (left < bytes) return false;
        } while (!left_.compare_exchange_weak(left, left - bytes, std::memory_order_relaxed));
        return true;
    }
    void give_back(std::uint64_t bytes) { left_.fetch_add(bytes, std::memory_order_relaxed); }

  private:
    std::atomic<std::uint64_t> left_;
};

// One request's share of it, given back with the object.
class BudgetShare {
  public:
    BudgetShare() = default;
    explicit BudgetShare(ByteBudget& budget) : budget_(&budget) {}
    BudgetShare(BudgetShare&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), held_(std::exchange(other.held_, 0)) {}
    BudgetShare& operator=(BudgetShare&& other) noexcept {
        std::swap(budget_, other.budget_);
        std::swap(held_, other.held_);
        return *this;
    }
    ~BudgetShare() {
        if (budget_) budget_->give_back(held_);
    }

    // Makes the share at least that large; false when the budget does not hold it.
    bool grow_to(std::uint64_t bytes) {
        static constexpr std::uint64_t step = 64 * 1024;
        if (bytes <= held_) return true;
        const auto more = (bytes - held_ + step - 1) / step * step;
        if (!budget_->take(more)) return false;
        held_ += more;
        return true;
    }

  private:
    ByteBudget* budget_ = nullptr;
    std::uint64_t held_ = 0;
};

}  // namespace davenport::http
