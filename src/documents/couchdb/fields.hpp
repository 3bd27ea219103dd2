#pragma once

#include "document_reader.hpp"
#include "documents/field_value.hpp"
#include "place.hpp"

#include <functional>
#include <map>
#include <mutex>

namespace davenport::documents::couchdb {

// Indexes and queries through Mango. An index is a design document "davenport-<name>".
//
// Mango orders texts by the rules of a language and booleans before numbers, the port by bytes and
// as 0 and 1. So a query asks Mango for its values and for bounds that are numbers; what comes is
// checked again, and put in order here where texts or booleans decide about it. Then all documents
// that match have to be read, `max_sorted` at most (too_large). Queries that sort by numbers, as
// the product's own do, read no more than their page. Thread-safe.
class Fields {
  public:
    explicit Fields(const Place& place) : place_(place) {}

    Result<> ensure(std::string_view index, std::span<const std::string> fields);
    Result<std::vector<Document>> find(const Query& query);
    Result<std::uint64_t> count(const Query& query);

    static constexpr std::size_t max_sorted = 100'000;

  private:
    using Names = std::vector<std::string>;
    struct Asked;
    struct Match {
        Document document;
        std::vector<FieldValue> values;
    };
    enum class Want { documents, values };

    Result<std::optional<Names>> known(const std::string& index);
    Error no_index(const std::string& index);
    Result<Asked> prepare(const Query& query);
    // Hands over what matches until `take` says that it is enough.
    Result<> each(const Asked& asked, Want want, std::uint64_t skip, std::uint64_t limit,
                  const std::function<Result<bool>(Match)>& take);
    Result<std::vector<Document>> find_sorted(const Asked& asked, const Query& query);

    const Place& place_;
    std::mutex mutex_;
    std::map<std::string, Names, std::less<>> indexes_;  // that are known to be there
};

}  // namespace davenport::documents::couchdb
