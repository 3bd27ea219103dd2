#pragma once

#include "cursors.hpp"
#include "leaves_page.hpp"

namespace davenport::documents::couchdb {

// For a backup: every leaf of what changed since a sequence. The changes name the documents, which
// are then read many at a time, some requests ahead.
class LeavesCursor final : public DocumentCursor {
  public:
    LeavesCursor(const Place& place, std::string since, std::shared_ptr<Progress> progress,
                 std::function<Result<>()> settle);
    Result<> open();  // or by the first `next`
    Result<const DocumentView*> next() override;

  private:
    Result<> fetch();
    const DocumentView* show(LeavesPage::Found& found);

    const Place place_;
    RowViews views_;
    const std::shared_ptr<Progress> progress_;
    Passes passes_;
    std::optional<ChangesFeed> feed_;
    std::optional<ChangedDocument> waiting_;  // read from the feed, and on no page yet
    bool listed_ = false;                     // the feed has ended
    std::deque<LeavesPage> pages_;            // under way, oldest first
    std::vector<Document> other_leaves_;
    DocumentView view_;
    bool ended_ = false;
};

}  // namespace davenport::documents::couchdb
