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
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::chat {

struct ExportOptions {
    TimeZone zone;  // of the dates
    // Limits; 0 = none.
    std::int64_t max_days = 30;
    std::uint64_t max_comments = 5'000, max_users = 1'000, max_rooms = 1'000;  // rows
    std::int64_t link_lifetime_secs = 24 * 3600;
};

struct ExportRequest {
    Resource resource = Resource::comments;
    // YYYY-MM-DD, whole days of the zone, both inclusive. Without an end it is today, without a
    // start as far back as max_days allows.
    std::optional<std::string> start_date, end_date;
};

// An application's rows as files, written by jobs: a JSON array in the form that imports read, in
// the order in which the rows came. Nothing is cut off: more rows than the limit is a failed export
// that says how many there are. Thread-safe.
class Exports {
  public:
    // All must outlive it.
    Exports(blobs::BlobStore& files, Transfers& transfers, jobs::Runner& runner,
            Applications& applications, Ledgers& ledgers, const Clock& clock, ExportOptions options)
        : files_(files),
          transfers_(transfers),
          runner_(runner),
          applications_(applications),
          ledgers_(ledgers),
          clock_(clock),
          options_(std::move(options)) {}

    static constexpr std::string_view job_kind = "chat-export";
    // To be registered with the runner under that name.
    jobs::Kind behaviour();

    // invalid_argument for dates that do not exist, end before they start, or cover too much.
    Result<> check(const ExportRequest& request) const;
    // The same errors. `id`
    // is a UUID that no other export has; one that is known already is given back.
    Result<Transfer> start(const Application& application, const ExportRequest& request,
                           const std::string& id);
    // With the percentage of those that run.
    Result<Transfer> get(const Application& application, std::string_view id);
    // Newest first, 20 a page; pages count from 1.
    Result<std::vector<Transfer>> list(const Application& application, std::uint64_t page);
    // Ends a running one; its file goes too. Gives it as it was.
    Result<Transfer> remove(const Application& application, std::string_view id);
    Result<> remove_all(const Application& application);

    // A link's query: "app=…&expires=…&signature=…".
    std::string sign(const Application& application, const Transfer& transfer) const;
    struct File {
        std::unique_ptr<blobs::BlobReader> content;  // goes on reading when the export is deleted
        std::string name;                            // to save it under
    };
    // What a link leads to; forbidden when it was altered or has expired, not_found when the export
    // is gone, or its file is on another instance's disk.
    Result<File> file_of_link(std::string_view id, std::string_view application,
                              std::string_view expires, std::string_view signature);

    // Removes files whose export was deleted while nobody could. At the start.
    Result<> sweep();

  private:
    Result<json::object> run(jobs::Context& context);
    Result<> ended(const jobs::Job& job);
    Result<jobs::Job> submit(const Transfer& transfer);
    void show_progress(Transfer& transfer);
    std::uint64_t max_rows(Resource resource) const;
    Result<> write_rows(jobs::Context& context, const Transfer& transfer, Ledger& ledger,
                        blobs::BlobWriter& file, std::uint64_t& rows);

    blobs::BlobStore& files_;
    Transfers& transfers_;
    jobs::Runner& runner_;
    Applications& applications_;
    Ledgers& ledgers_;
    const Clock& clock_;
    const ExportOptions options_;
};

}  // namespace davenport::chat
