#pragma once

#include "davenport/base/json.hpp"
#include "davenport/documents/document_store.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::chat {

enum class Resource { users, rooms, comments };
std::string_view to_text(Resource resource);
Result<Resource> parse_resource(std::string_view text);  // invalid_argument

enum class Direction { out, in };  // exports and imports

// One export or import of an application.
struct Transfer {
    enum class Status { started, finished, failed };

    Direction direction = Direction::out;
    std::string id;  // a UUID, also of its job
    std::string application;
    Resource resource = Resource::comments;
    Status status = Status::started;
    std::string original_filename;
    std::string created_at;  // as answers show it, with the zone's offset
    std::int64_t created_ms = 0;
    std::uint64_t size = 0;  // bytes of the file; of an export only when finished
    std::uint64_t rows = 0;  // in all; when finished
    std::uint32_t percentage = 0;
    std::string error;     // of a failed one
    json::object details;  // the direction's own: an export's dates, an import's faults
};
std::string_view to_text(Transfer::Status status);

// Their records: documents `chat_export/<id>` and `chat_import/<id>` of the control database, kept
// until they are deleted or their application is. Thread-safe.
class Transfers {
  public:
    static Result<std::unique_ptr<Transfers>> open(std::shared_ptr<documents::Database> control);

    Result<> create(const Transfer& transfer);
    // not_found also for another application's.
    Result<Transfer> get(Direction direction, std::string_view application, std::string_view id);
    // Newest first; pages count from 1.
    Result<std::vector<Transfer>> list(Direction direction, std::string_view application,
                                       std::uint64_t page, std::uint64_t per_page);
    // Ends one that has not ended, and otherwise leaves it as it is; not_found when it was deleted.
    Result<> finish(const Transfer& ended);
    // Members of `details`; of one that has not ended.
    Result<> note(const Transfer& transfer);
    Result<> remove(const Transfer& transfer);

  private:
    explicit Transfers(std::shared_ptr<documents::Database> control)
        : control_(std::move(control)) {}

    const std::shared_ptr<documents::Database> control_;
    std::mutex mutex_;
    std::int64_t newest_ms_ = 0;
};

}  // namespace davenport::chat
