#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/base/time_zone.hpp"
#include "davenport/blobs/blob_store.hpp"
#include "davenport/chat/applications.hpp"
#include "davenport/chat/chat.hpp"
#include "davenport/chat/transfers.hpp"
#include "davenport/jobs/runner.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::chat {

// Of how many faulty rows a failed import tells; it says how many there are in all.
inline constexpr std::size_t max_import_faults = 100;
inline constexpr std::size_t max_import_file_name_bytes = 255;

// Files of rows that are written into an application's chat by jobs: a JSON array of objects, in
// the form that exports have. A file is checked whole before anything is written, and its rows are
// written all or none: what an attempt that was cut off has written is completed or taken away by
// whoever takes the job up. Thread-safe.
class Imports {
  public:
    // All must outlive it. `files` are the imports' alone.
    Imports(blobs::BlobStore& files, Transfers& transfers, jobs::Runner& runner,
            Applications& applications, Ledgers& ledgers, const Clock& clock, TimeZone zone)
        : files_(files),
          transfers_(transfers),
          runner_(runner),
          applications_(applications),
          ledgers_(ledgers),
          clock_(clock),
          zone_(std::move(zone)) {}

    static constexpr std::string_view job_kind = "chat-import";
    // To be registered with the runner under that name.
    jobs::Kind behaviour();

    // Where to put a file's bytes as they come; given up, it leaves nothing.
    Result<std::unique_ptr<blobs::BlobWriter>> new_file() { return files_.create(); }
    // Takes the file over; from then on the import ends as finished or failed, whatever happens.
    // `file_name` is the sender's; what is kept of it is its last part, without control characters.
    Result<Transfer> start(const Application& application, Resource resource,
                           std::string_view file_name, blobs::BlobWriter& file);
    // A failed one has `details.faults`, a list (see ImportFaults::to_json) that is empty when the
    // rows are not to blame.
    Result<Transfer> get(const Application& application, std::string_view id);
    // Newest first, 20 a page; pages count from 1.
    Result<std::vector<Transfer>> list(const Application& application, std::uint64_t page);
    // The records of a deleted application; imports that run end by themselves.
    Result<> remove_all(const Application& application);

    // Removes files whose import was never accepted, or has ended: a crash came between. At the
    // start.
    Result<> sweep();

  private:
    Result<json::object> run(jobs::Context& context);
    Result<> ended(const jobs::Job& job);
    Result<Application> application_of(const jobs::Job& job);
    Result<Transfer> record_of(const jobs::Job& job);
    Result<std::string> text_of(std::string_view id) const;

    blobs::BlobStore& files_;
    Transfers& transfers_;
    jobs::Runner& runner_;
    Applications& applications_;
    Ledgers& ledgers_;
    const Clock& clock_;
    const TimeZone zone_;
};

}  // namespace davenport::chat
