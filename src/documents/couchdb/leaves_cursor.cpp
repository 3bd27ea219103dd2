#include "leaves_cursor.hpp"

namespace davenport::documents::couchdb {
namespace {

// So that the server is at work while we are.
constexpr std::size_t max_under_way = 3;

}  // namespace

LeavesCursor::LeavesCursor(const Place& place, std::string since,
                           std::shared_ptr<Progress> progress, std::function<Result<>()> settle)
    : place_(place),
      views_(place, true),
      progress_(progress),
      passes_(place.name, std::move(since), std::move(progress), std::move(settle)) {}

Result<> LeavesCursor::open() {
    passes_.begin();
    listed_ = false;
    ChangesOptions options;
    options.since = passes_.since();
    options.all_leaves = true;
    options.bodies = false;
    feed_.emplace(place_, std::move(options));
    return feed_->open();
}

// Keeps as many pages under way as there may be.
Result<> LeavesCursor::fetch() {
    while (!listed_ && pages_.size() < max_under_way) {
        LeavesPage& page = pages_.emplace_back(place_);
        while (!page.is_full()) {
            if (!waiting_) {
                DAVENPORT_ASSIGN(const Row* row, feed_->next());
                if (row == nullptr) {
                    listed_ = true;
                    break;
                }
                passes_.count_row();
                waiting_ = ChangedDocument{row->id, row->sequence, row->leaves};
            }
            if (page.has(waiting_->id)) break;
            page.add(std::move(*waiting_));
            waiting_.reset();
        }
        if (page.is_empty())
            pages_.pop_back();
        else
            page.begin();
    }
    return {};
}

const DocumentView* LeavesCursor::show(LeavesPage::Found& found) {
    // Newer than its change: another pass has to reach it.
    if (found.moved_on) progress_->read_singly = true;
    view_ = *views_.show(found.leaves.front(), found.asked->sequence);
    other_leaves_.clear();
    for (std::size_t i = 1; i < found.leaves.size(); ++i)
        other_leaves_.push_back(std::move(found.leaves[i].document));
    view_.history = found.leaves.front().document.history;
    view_.other_leaves = other_leaves_;
    return &view_;
}

Result<const DocumentView*> LeavesCursor::next() {
    while (!ended_) {
        if (!feed_) DAVENPORT_TRY(open());
        DAVENPORT_TRY(fetch());
        if (!pages_.empty()) {
            DAVENPORT_ASSIGN(LeavesPage::Found * found, pages_.front().next());
            if (found != nullptr) return show(*found);
            pages_.pop_front();
            continue;
        }
        std::string reached = feed_->reached();
        feed_.reset();
        DAVENPORT_ASSIGN(ended_, passes_.end(std::move(reached)));
    }
    return nullptr;
}

}  // namespace davenport::documents::couchdb
