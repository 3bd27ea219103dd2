#pragma once

#include "davenport/documents/document_store.hpp"
#include "place.hpp"

#include <optional>
#include <string>
#include <vector>

namespace davenport::documents::couchdb {

// Looks for the ends of pages in the ids of a database, without reading the ids.
//
// CouchDB says at what rank the first id from a key on stands, which costs it next to nothing: so
// texts between two ids of known rank are tried until one lies right. Where few rows are wanted, or
// a server knows no ranks, it is asked to skip that many, for which it has to count them.
//
// Ranks that are out of date make pages of other sizes, nothing else. Not thread-safe.
class PageEnds {
  public:
    struct Found {
        std::optional<std::string> end;  // not an id, perhaps; none = no document comes behind
    };

    // Reads `start_id` to `end_id` of the options, ascending.
    PageEnds(Place place, const AllDocsOptions& options)
        : place_(std::move(place)), options_(options) {}

    // Asks for the end of the page that begins with `begin`, behind `rows` documents or fewer.
    // There must have been a document before.
    void look(std::string begin, std::uint64_t rows);
    // Waits for the answer that is due; nullopt = another one has to be waited for. After an error
    // it has to be told to look again.
    Result<std::optional<Found>> take();

    bool looking() const { return exchange_ != nullptr || found_; }
    const std::string& begin() const { return begin_; }

  private:
    enum class Question { last, rank_of_begin, rank_of_middle, skip };
    struct Point {
        std::string key;
        std::uint64_t rank;  // of the first id that is not before the key
    };
    struct Reply {
        std::string id;  // empty = there is none
        std::optional<std::uint64_t> offset, total;
    };

    void ask(Question question, PathQuery path);
    void ask_last();
    void ask_rank(Question question, const std::string& key);
    void ask_skip();
    std::optional<Found> try_on();
    Result<Reply> take_reply();

    const Place place_;
    const AllDocsOptions options_;
    bool ranks_ = true;  // the server knows them
    std::string begin_;
    std::uint64_t rows_ = 0;
    std::optional<Point> last_found_;  // where the next page begins, as a rule
    std::optional<Found> found_;       // at once, by what was known already
    std::uint64_t begin_rank_ = 0;
    Point low_;                 // the page's end comes behind it
    std::vector<Point> known_;  // behind the page's begin, the nearest one last
    std::string middle_;
    int tries_ = 0;
    Question question_ = Question::skip;
    std::unique_ptr<Exchange> exchange_;
};

}  // namespace davenport::documents::couchdb
