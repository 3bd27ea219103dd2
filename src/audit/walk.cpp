#include "walk.hpp"

namespace davenport::audit {
namespace {

constexpr std::uint64_t pages_at_once = 100;

}  // namespace

Result<Walk> Walk::begin(Pages& pages, std::uint64_t last) {
    Walk walk(pages, last);
    DAVENPORT_ASSIGN(walk.trimmed_, pages.trimmed());
    walk.next_ = walk.trimmed_.through + 1;
    return walk;
}

Result<std::optional<StoredPage>> Walk::next() {
    if (next_ > last_) return std::optional<StoredPage>();
    if (taken_ == read_.size()) {
        taken_ = 0;
        DAVENPORT_ASSIGN(read_, pages_->from(next_, pages_at_once));
        if (read_.empty()) {
            DAVENPORT_TRY(check_gap(last_ + 1));
            next_ = last_ + 1;
            return std::optional<StoredPage>();
        }
    }
    StoredPage page = std::move(read_[taken_++]);
    if (page.first > next_) DAVENPORT_TRY(check_gap(page.first));
    if (page.first > last_) {
        next_ = last_ + 1;
        return std::optional<StoredPage>();
    }
    if (page.next() > last_ + 1) page.lines.resize(last_ + 1 - page.first);
    next_ = page.fault.empty() ? page.next() : page.first + 1;
    return std::optional(std::move(page));
}

// Lines that are missing are for the reader to find; unless they only went while we read.
Result<> Walk::check_gap(std::uint64_t first) {
    DAVENPORT_ASSIGN(const Trimmed now, pages_->trimmed());
    if (now.through > trimmed_.through && now.through >= next_ && first > next_)
        return fail(ErrorCode::unavailable,
                    "old lines of the audit log were removed meanwhile; ask again");
    return {};
}

}  // namespace davenport::audit
