#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

namespace davenport::http {

// Bodies are moved in large pieces, since that is fast, but in smaller ones when many move at once,
// so that all their buffers together stay within bounds. Held while one moves. Thread-safe.
class BulkSlot {
  public:
    explicit BulkSlot(std::atomic<std::size_t>& active)
        : active_(active), piece_size_(std::clamp(total / ++active_, smallest, largest)) {}
    BulkSlot(const BulkSlot&) = delete;
    BulkSlot& operator=(const BulkSlot&) = delete;
    ~BulkSlot() { --active_; }

    std::size_t piece_size() const { return piece_size_; }  // bytes

  private:
    static constexpr std::size_t total = std::size_t{16} << 20;
    static constexpr std::size_t smallest = std::size_t{8} << 10;
    static constexpr std::size_t largest = std::size_t{256} << 10;

    std::atomic<std::size_t>& active_;
    const std::size_t piece_size_;
};

}  // namespace davenport::http
