#include "segment_cursor.hpp"

#include "record_format.hpp"

#include <algorithm>

namespace davenport::vault {

Result<> FrameCursor::load(std::size_t frame) {
    raw_.clear();
    position_ = 0;
    next_frame_ = frame;
    auto read = segment_.read_frame(frame, decompressor_, stored_, raw_);
    if (!read) {
        raw_.clear();  // so that nothing of a damaged frame is ever handed out
        error_ = std::move(read).error();
        if (error_->code == ErrorCode::corrupt) error_ = segment_.damaged(frame, error_->message);
        return fail(*error_);
    }
    ++next_frame_;
    return {};
}

Result<const Record*> FrameCursor::next() {
    sought_.clear();
    return step();
}

Result<const Record*> FrameCursor::step() {
    if (error_) return fail(*error_);
    if (position_ == raw_.size()) {
        if (next_frame_ == segment_.frames().size()) return nullptr;
        DAVENPORT_TRY(load(next_frame_));
    }
    if (!decode_record(raw_, position_, record_)) {
        error_ = segment_.damaged(next_frame_ - 1, "a record is malformed");
        return fail(*error_);
    }
    return &record_;
}

Result<const Record*> FrameCursor::seek(std::string_view id) {
    if (error_) return fail(*error_);
    if (segment_.lock()) return fail(*segment_.lock());
    const std::vector<FrameEntry>& frames = segment_.frames();
    const auto found = std::lower_bound(
        frames.begin(), frames.end(), id,
        [](const FrameEntry& frame, std::string_view wanted) { return frame.last_id < wanted; });
    if (found == frames.end()) {
        raw_.clear();
        position_ = 0;
        next_frame_ = frames.size();
        return nullptr;
    }
    const auto number = static_cast<std::size_t>(found - frames.begin());
    if (raw_.empty() || next_frame_ != number + 1) {
        DAVENPORT_TRY(load(number));
    } else if (position_ != 0 && record_.id >= id) {
        // Between the id sought before and the current record there is nothing.
        if (!sought_.empty() && sought_ <= id) return &record_;
        position_ = 0;
    }
    sought_ = id;
    while (true) {
        DAVENPORT_ASSIGN(const Record* record, step());
        if (!record || record->id >= id) return record;
    }
}

}  // namespace davenport::vault
