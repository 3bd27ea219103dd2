#pragma once

#include "feeds.hpp"
#include "page_ends.hpp"

#include <deque>

namespace davenport::documents::couchdb {

// `_all_docs` in id order, read by several requests at once where there is much of it: a server
// spends most of the time on one request at a time, and has more than one core.
//
// The first answer brings the beginning, which for a small database is everything. Then pages are
// read ahead of the reader: ranges of ids that follow each other without a gap, each from the first
// id of one page to that of the next, wherever documents come and go meanwhile. Backwards,
// without bodies, or with a limit, it is one request.
//
// Not thread-safe. Errors as those of AllDocsFeed.
class DocumentPages {
  public:
    DocumentPages(Place place, const AllDocsOptions& options);
    Result<> open() { return current_->open(); }
    // Valid until the next call; nullptr = end.
    Result<const Row*> next();

  private:
    Result<> look_ahead();
    void look(std::string begin, std::uint64_t rows);
    Result<> take_end();
    void begin_page(const std::string& begin, const std::optional<std::string>& end);
    std::uint64_t rows_of_page() const;

    const Place place_;
    const AllDocsOptions options_;
    PageEnds ends_;
    std::unique_ptr<AllDocsFeed> current_;
    std::deque<std::unique_ptr<AllDocsFeed>> ahead_;  // begun, in order
    bool first_page_ = true;                          // it is its end that is looked for
    bool last_known_;                                 // there is no page to look for any more
    std::string last_id_;
    std::uint64_t pages_ = 0;        // begun, after the first
    std::uint64_t rows_ = 0;         // read so far
    std::uint64_t rows_then_ = 0;    // when the answer about a page's end was asked for
    std::uint64_t page_rows_ = 0;    // of the current page
    std::uint64_t bytes_a_row_ = 0;  // of the page before
    Patience patience_;
};

}  // namespace davenport::documents::couchdb
