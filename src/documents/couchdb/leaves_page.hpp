#pragma once

#include "document_reader.hpp"
#include "place.hpp"

#include <optional>
#include <set>

namespace davenport::documents::couchdb {

// A document that changed, as the feed of changes says.
struct ChangedDocument {
    std::string id;
    std::string sequence;
    std::vector<std::string> leaves;
};

// Some documents with all their leaves and histories, in one request, which is under way while
// others are read. What is newer than it was asked for comes as it is now. Not thread-safe.
class LeavesPage {
  public:
    explicit LeavesPage(Place place) : place_(std::move(place)) {}

    // Before `begin`.
    bool has(std::string_view id) const { return ids_.contains(id); }
    bool is_full() const;
    bool is_empty() const { return documents_.empty(); }
    void add(ChangedDocument document);

    void begin();

    struct Found {
        const ChangedDocument* asked = nullptr;
        std::vector<FoundDocument> leaves;  // winner first
        // The leaves are other ones than were asked for.
        bool moved_on = false;
    };
    // In the order they were added. nullptr = end; valid until the next call.
    Result<Found*> next();

  private:
    Result<> open();
    Result<> read_document();
    Result<> read_alone();

    const Place place_;
    std::vector<ChangedDocument> documents_;
    std::set<std::string, std::less<>> ids_;
    std::size_t revisions_ = 0;
    std::size_t at_ = 0;  // document to be shown next

    std::unique_ptr<Exchange> exchange_;
    std::optional<JsonRows> rows_;
    std::optional<FoundRevisions> ahead_;  // a row that was read and belongs to the next document
    DocumentReader reader_;
    Found found_;
    std::string error_;  // why not all of it could be read
    Patience patience_;
};

}  // namespace davenport::documents::couchdb
