#pragma once

#include "schedule_document.hpp"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::schedules {

// The schedules' documents and their indexes. Thread-safe.
class ScheduleStore {
  public:
    ScheduleStore(std::shared_ptr<documents::Database> control, const Options& options);

    Result<> prepare();  // the indexes

    // Writes a new document and sets its revision; already_exists. It may come back further on,
    // when another instance was quicker than a lost answer.
    Result<> create(ScheduleDocument& document);
    // Writes on top of document.revision and sets the new one; conflict when it has moved on.
    Result<> write(ScheduleDocument& document);
    Result<ScheduleDocument> read(std::string_view id);  // not_found
    Result<> remove(const ScheduleDocument& document);   // conflict when it has moved on
    Result<std::uint64_t> count_of(std::string_view owner);

    // In the order in which they have to be looked at, from `skip` on.
    struct Awaited {
        std::int64_t wake_ms;
        std::optional<ScheduleDocument> document;  // nullopt = damaged
    };
    Result<std::vector<Awaited>> awaited(std::uint64_t skip, std::uint64_t limit);
    // Oldest first within an owner.
    Result<std::vector<ScheduleDocument>> of_owner(const std::optional<std::string>& owner,
                                                   std::uint64_t limit);

    // Reads, lets `change(ScheduleDocument&) -> Result<documents::Edit>` edit, and writes; again
    // when somebody else was faster. Returns what stands then.
    template <class Change>
    Result<ScheduleDocument> update(std::string_view id, Change change);

  private:
    const std::shared_ptr<documents::Database> control_;
    const Options options_;
};

template <class Change>
Result<ScheduleDocument> ScheduleStore::update(std::string_view id, Change change) {
    auto updated = documents::update_record(
        *control_, document_id(id), [&](json::object& body) -> Result<documents::Edit> {
            DAVENPORT_ASSIGN(auto document, from_record({body, {}}));
            DAVENPORT_ASSIGN(const documents::Edit edit, change(document));
            body = to_body(document, options_);
            return edit;
        });
    if (!updated) {
        if (updated.error().code == ErrorCode::not_found)
            return fail(ErrorCode::not_found, "there is no schedule {}", id);
        return fail(std::move(updated).error());
    }
    return from_record(std::move(*updated));
}

}  // namespace davenport::schedules
