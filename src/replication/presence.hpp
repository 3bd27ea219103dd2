#pragma once

#include "davenport/vault/segment.hpp"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace davenport::replication {

// What the segments below hold of an id.
enum class Held { nothing, tombstone, document };

// Answers what a reader of these segments finds, for ids asked in ascending order.
// Reads only the frames that could hold an id asked for, each at most twice. Not thread-safe.
class Presence {
  public:
    // Newest last, as in a manifest.
    explicit Presence(const std::vector<std::shared_ptr<vault::SegmentReader>>& segments);

    Result<Held> find(std::string_view id);

  private:
    struct Probe {
        std::shared_ptr<vault::SegmentReader> segment;
        std::uint64_t records_per_frame = 1;
        std::unique_ptr<vault::RecordCursor> cursor;
        const vault::Record* record = nullptr;  // where the cursor stands
        bool ended = false;

        Result<> seek(std::string_view id);
        Result<> advance();
    };
    std::vector<Probe> newest_first_;
};

}  // namespace davenport::replication
