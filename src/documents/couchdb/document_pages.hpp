#pragma once

#include "feeds.hpp"

#include <deque>

namespace davenport::documents::couchdb {

// `_all_docs` in id order, read by several requests at once where there is much of it: a server
// spends most of the time on one request at a time, and has more than one core.
//
// The first answer brings the beginning, which for a small database is everything. Then pages are
// read ahead of the reader: ranges of ids that follow each other without a gap, each from the first
// id of one page to that of the next, wherever documents come and go meanwhile. Where a page ends
// the server says, asked to skip so many rows. Backwards, or without bodies, it is one request.
//
// Not thread-safe. Errors as those of AllDocsFeed.
class DocumentPages {
  public:
    DocumentPages(Place place, const AllDocsOptions& options);
    Result<> open() { return current_->open(); }
    // Valid until the next call; nullptr = end.
    Result<const Row*> next();

  private:
    // The page after the last one that is known, and the request for its end.
    struct Search {
        std::string begin;
        std::unique_ptr<Exchange> exchange;
    };

    Result<> look_ahead();
    void search(std::string begin, std::uint64_t rows);
    Result<> end_search();
    Result<std::optional<std::string>> take_end();
    std::uint64_t rows_of_page() const;

    const Place place_;
    const AllDocsOptions options_;
    std::unique_ptr<AllDocsFeed> current_;
    std::deque<std::unique_ptr<AllDocsFeed>> ahead_;  // begun, in order
    std::optional<Search> search_;
    bool first_page_ = true;  // the search is for the end of the page that is being read
    bool last_known_;         // there is no page to search for any more
    std::string last_id_;
    std::uint64_t rows_ = 0;            // read so far
    std::uint64_t rows_at_search_ = 0;  // `rows_` when the search began
    std::uint64_t page_rows_ = 0;       // of the current page
    std::uint64_t bytes_a_row_ = 0;     // of the page before
    Patience patience_;
};

}  // namespace davenport::documents::couchdb
