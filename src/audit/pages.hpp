#pragma once

#include "davenport/documents/document_store.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::audit {

// Lines that were written together: one document of the control database, named by the number of
// its first line. A document is written whole or not at all on every engine, and of two writers
// who want the same number the second is told of a conflict: that is all the chain needs.
struct StoredPage {
    std::uint64_t first = 0;
    std::vector<std::string> lines;
    std::string fault;  // why it can't be read; it has no lines then
    std::uint64_t next() const { return first + lines.size(); }
};

// What lines were removed for their age.
struct Trimmed {
    std::uint64_t through = 0;  // the number of the last one; 0 = none was
    std::string hash;           // of that line, in hex
};

// The pages of one control database. Thread-safe.
class Pages {
  public:
    explicit Pages(std::shared_ptr<documents::Database> control) : control_(std::move(control)) {}

    // These two: `corrupt` for a page that can't be read; the others say so in its `fault`.
    Result<std::optional<StoredPage>> newest();
    // The page that begins with line `first`; nullopt when there is none.
    Result<std::optional<StoredPage>> at(std::uint64_t first);
    // Up to `limit` pages from the one that holds line `seq` (or the first one after it) on.
    Result<std::vector<StoredPage>> from(std::uint64_t seq, std::uint64_t limit);
    // Pages that begin before line `before`, newest first.
    Result<std::vector<StoredPage>> before(std::uint64_t before, std::uint64_t limit);
    // conflict when somebody else has written a page there.
    Result<> append(const StoredPage& page);
    Result<> remove(const std::vector<std::uint64_t>& firsts);

    Result<Trimmed> trimmed();
    Result<> set_trimmed(const Trimmed& trimmed);  // never goes back

    Result<> publish_key(std::string_view id, std::string_view pem);
    Result<std::vector<std::string>> published_keys();  // PEM

  private:
    Result<std::vector<StoredPage>> read(documents::AllDocsOptions options);

    const std::shared_ptr<documents::Database> control_;
};

}  // namespace davenport::audit
