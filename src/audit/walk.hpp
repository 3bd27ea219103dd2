#pragma once

#include "pages.hpp"

#include <cstdint>
#include <optional>

namespace davenport::audit {

// Reads pages from the first line that was not removed up to the end that was seen when it began,
// a few at a time. Not thread-safe.
class Walk {
  public:
    // `last`: the number of the last line to read.
    static Result<Walk> begin(Pages& pages, std::uint64_t last);

    // In their order, each reaching no further than the end; nullopt when there are no more.
    // unavailable when old lines were removed under way, so that some may be left out.
    Result<std::optional<StoredPage>> next();
    const Trimmed& trimmed() const { return trimmed_; }

  private:
    Walk(Pages& pages, std::uint64_t last) : pages_(&pages), last_(last) {}
    Result<> check_gap(std::uint64_t first);

    Pages* pages_;
    std::uint64_t last_;
    Trimmed trimmed_;
    std::uint64_t next_ = 1;
    std::vector<StoredPage> read_;
    std::size_t taken_ = 0;
};

}  // namespace davenport::audit
