#pragma once

#include "opened_segment.hpp"

#include <optional>

namespace davenport::vault {

// Holds one frame at a time. After an error it stays with that error: whoever went on would miss
// documents without noticing.
class FrameCursor final : public SegmentCursor {
  public:
    explicit FrameCursor(const OpenedSegment& segment) : segment_(segment) {}
    Result<const Record*> next() override;
    Result<const Record*> seek(std::string_view id) override;

  private:
    Result<> load(std::size_t frame);
    Result<const Record*> step();

    const OpenedSegment& segment_;
    Decompressor decompressor_;
    std::string stored_, raw_;
    std::size_t next_frame_ = 0;  // raw_ holds the one before, unless it is empty
    std::size_t position_ = 0;    // in raw_
    Record record_;
    std::string sought_;  // record_ is the first one from this id on; empty = unknown
    std::optional<Error> error_;
};

}  // namespace davenport::vault
