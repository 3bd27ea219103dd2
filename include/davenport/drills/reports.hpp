#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/base/json.hpp"
#include "davenport/documents/document_store.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::drills {

// The signed reports of ended drills, one document `drill-report/<id>` each in the control
// database. One whose time lies ahead by more than five minutes, because a clock was wrong, counts
// as older than all others. Thread-safe.
class Reports {
  public:
    // `clock` must outlive it.
    static Result<std::unique_ptr<Reports>> open(std::shared_ptr<documents::Database> control,
                                                 const Clock& clock);
    Reports(std::shared_ptr<documents::Database> control, const Clock& clock)
        : control_(std::move(control)), clock_(clock) {}

    // Keeps the text of a report; the one that is there already stays. Then removes the oldest ones
    // beyond `keep`, but never this one, nor the newest that says recoverable.
    Result<> add(const std::string& id, const std::string& text, std::uint64_t keep);
    Result<std::string> get(std::string_view id);  // the text; not_found

    struct Entry {
        std::string id, backup_id, verdict;
        std::int64_t finished_ms = 0;
    };
    Result<std::vector<Entry>> list(std::uint64_t limit);  // newest first, by the times they bear
    // When the newest drill with that verdict ended; 0 = there is none.
    Result<std::int64_t> last(std::string_view verdict);

  private:
    Result<std::vector<documents::Document>> newest_of(std::string_view verdict);
    Result<> remove_beyond(std::uint64_t keep, std::string_view added);
    std::int64_t latest_ms() const;

    std::shared_ptr<documents::Database> control_;
    const Clock& clock_;
};

}  // namespace davenport::drills
