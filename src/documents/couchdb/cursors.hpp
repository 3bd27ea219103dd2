#pragma once

#include "document_pages.hpp"
#include "feeds.hpp"

#include <deque>
#include <functional>

namespace davenport::documents::couchdb {

// What a snapshot and its cursors know together.
struct Progress {
    std::string reached;
    // A document was read by itself since the current pass over the changes began; it may be newer
    // than what that pass will reach.
    bool read_singly = false;
};

// Views of rows; a document that a row should bring and does not is read by itself.
class RowViews {
  public:
    explicit RowViews(Place place, bool bodies) : place_(std::move(place)), bodies_(bodies) {}
    // nullptr = the document is gone, so that there is nothing to show.
    Result<const DocumentView*> show(const Row& row, Progress& progress);
    const DocumentView* show(const FoundDocument& found, std::string_view sequence);

  private:
    const Place place_;
    const bool bodies_;
    FoundDocument found_;
    std::string attachments_;
    DocumentView view_;
};

class AllDocsCursor final : public DocumentCursor {
  public:
    AllDocsCursor(const Place& place, const AllDocsOptions& options,
                  std::shared_ptr<Progress> progress);
    Result<> open() { return pages_.open(); }
    Result<const DocumentView*> next() override;

  private:
    DocumentPages pages_;
    RowViews views_;
    const std::shared_ptr<Progress> progress_;
};

// `_changes` as they are, one view a document or a leaf.
class ChangesCursor final : public DocumentCursor {
  public:
    ChangesCursor(const Place& place, const ChangesOptions& options,
                  std::shared_ptr<Progress> progress);
    Result<> open() { return feed_.open(); }
    Result<const DocumentView*> next() override;

  private:
    const Place place_;
    ChangesFeed feed_;
    RowViews views_;
    const std::shared_ptr<Progress> progress_;
    std::deque<FoundDocument> leaves_;  // of the current row, still to be shown
    FoundDocument leaf_;
    std::string leaf_sequence_;
};

// Reading the changes since a sequence again and again until hardly anything comes, so that little
// time lies between the oldest and the newest thing seen. `settle` runs in the end.
class Passes {
  public:
    Passes(std::string database, std::string since, std::shared_ptr<Progress> progress,
           std::function<Result<>()> settle);
    const std::string& since() const { return since_; }  // of the next pass
    void begin();
    void count_row() { ++rows_; }
    // True = it was the last one.
    Result<bool> end(std::string reached);

  private:
    const std::string database_;
    std::string since_;
    const std::shared_ptr<Progress> progress_;
    const std::function<Result<>()> settle_;
    std::uint64_t rows_ = 0;  // of this pass
    int passes_ = 0;
};

// For a backup: the winners of what changed since a sequence.
class CatchUpCursor final : public DocumentCursor {
  public:
    CatchUpCursor(const Place& place, std::string since, std::shared_ptr<Progress> progress,
                  std::function<Result<>()> settle);
    Result<> open();  // or by the first `next`
    Result<const DocumentView*> next() override;

  private:
    const Place place_;
    RowViews views_;
    const std::shared_ptr<Progress> progress_;
    Passes passes_;
    std::optional<ChangesFeed> feed_;
    bool ended_ = false;
};

}  // namespace davenport::documents::couchdb
