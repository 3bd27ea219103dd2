#pragma once

#include "davenport/documents/document_store.hpp"
#include "document_reader.hpp"
#include "place.hpp"

#include <optional>

namespace davenport::documents::couchdb {

// The rows of `_all_docs` and of `_changes`, read as they come. An answer that breaks off is asked
// for again from the last row on, as long as that brings something. Not thread-safe.
//
// Errors: not_found when there is no such database (any more), and what made it stop.

// In id order, one request after the other. Documents that are gone by the time they are read are
// left out.
class AllDocsFeed {
  public:
    struct Answers {
        std::uint64_t max_rows = 0;  // of each; 0 = everything in one
        std::size_t hold_bytes = Request().hold_bytes;
    };

    AllDocsFeed(Place place, AllDocsOptions options)
        : AllDocsFeed(std::move(place), std::move(options), Answers{}) {}
    AllDocsFeed(Place place, AllDocsOptions options, Answers answers);
    // Asks, and waits for no answer.
    void begin();
    // Asks; so that errors of the request show up before the first row.
    Result<> open();
    // Valid until the next call; nullptr = end.
    Result<const Row*> next();
    // Ascending only: the end is before this id, which was not reached yet.
    void stop_before(std::string id) { stop_ = std::move(id); }

    std::uint64_t bytes() const { return bytes_; }  // of the rows read so far

  private:
    std::unique_ptr<Exchange> ask();
    Result<bool> read_row();  // false = end of the answer
    Result<> check_place() const;
    bool more_to_ask() const;

    const Place place_;
    const AllDocsOptions options_;
    const Answers answers_;
    std::unique_ptr<Exchange> begun_;
    std::optional<JsonRows> rows_;
    std::uint64_t asked_ = 0;  // rows of the answer; 0 = all
    std::uint64_t rows_in_answer_ = 0;
    std::uint64_t shown_ = 0;
    DocumentReader reader_;
    Row row_;
    std::optional<std::string> last_id_;
    std::optional<std::string> stop_;
    std::uint64_t bytes_ = 0;
    bool ended_ = false;
    Patience patience_;
};

// In the order of change; of each document the last change only.
class ChangesFeed {
  public:
    ChangesFeed(Place place, ChangesOptions options);
    // invalid_argument when the server has no use for the sequence.
    Result<> open();
    Result<const Row*> next();

    // Up to where changes were read: of the last row, in the end of the whole answer.
    const std::string& reached() const { return reached_; }

  private:
    Result<bool> read_row();

    const Place place_;
    const ChangesOptions options_;
    std::optional<JsonRows> rows_;
    DocumentReader reader_;
    Row row_;
    std::string reached_;
    bool any_ = false;
    bool ended_ = false;
    Patience patience_;
};

// Whether `since` has the form of this server's sequences, of which `current` is one.
bool is_sequence(std::string_view since, std::string_view current);
// The number that a sequence begins with; it counts changes.
std::uint64_t sequence_number(std::string_view sequence);

}  // namespace davenport::documents::couchdb
