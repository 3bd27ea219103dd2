#pragma once

#include "davenport/backup_doc/writer.hpp"
#include "davenport/base/json.hpp"
#include "davenport/base/result.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::cli {

// How far a backup or restore has come.
struct Status {
    std::uint64_t done = 0, total = 0;  // documents
    std::uint64_t bytes = 0;
};
using Watcher = std::function<void(const Status&)>;
using TextSink = std::function<Result<>(std::string_view)>;

struct RestoreWishes {
    std::string source;  // a backup's id, or the path of a file that holds a backup doc
    enum class Source { backup, file } kind = Source::backup;
    std::vector<std::string> skip_components, skip_sessions, skip_system;
    std::string webhook_url;
    enum class Mode { overlay, exact } mode = Mode::overlay;
    enum class History { fresh, exact } history = History::fresh;
    enum class Run { real, dry } run = Run::real;
};

struct DrillWishes {
    std::string backup_id;  // or "latest"
    std::string target;     // "embedded", "couchdb"; empty = the service's own
    std::string webhook_url;
};

// The operations of the product, on a data directory in this process or on a running service. The
// JSON objects are the HTTP API's answers.
class Operations {
  public:
    virtual ~Operations() = default;

    // Starts a backup and waits for its end; the backup doc without documents.
    virtual Result<json::object> back_up(const Watcher& watch) = 0;
    // {"ids":[…],"backups":[…]}, oldest first.
    virtual Result<json::object> list() = 0;
    virtual Result<json::object> envelope(const std::string& id) = 0;
    virtual Result<> show(const std::string& id, const TextSink& sink) = 0;
    virtual Result<json::object> verify(const std::vector<std::string>& ids) = 0;
    virtual Result<json::object> diff(const std::string& before, const std::string& after) = 0;
    // Waits for its end: the webhook transaction, or the counts of a dry run.
    virtual Result<json::object> restore(const RestoreWishes& wishes, const Watcher& watch) = 0;
    // What a prune would do.
    virtual Result<json::object> prune_plan() = 0;
    // Waits for its end: the prune's state and result, or error.
    virtual Result<json::object> prune(const Watcher& watch) = 0;
    // in_use, and why, while it is pinned, locked or needed.
    virtual Result<> remove_backup(const std::string& id) = 0;
    virtual Result<> pin(const std::string& id, const std::string& reason) = 0;
    virtual Result<> unpin(const std::string& id) = 0;

    // {"keys":[…]}, without secrets.
    virtual Result<json::object> keys() = 0;
    // Its tokens and sessions end, too.
    virtual Result<> remove_key(const std::string& key) = 0;

    // {"jobs":[…]}, newest first; an empty kind is every kind.
    virtual Result<json::object> jobs(const std::string& kind, std::uint64_t limit) = 0;
    virtual Result<json::object> job(const std::string& id) = 0;

    // Lines of the audit log after `since`, or without it the newest.
    virtual Result<json::object> audit_list(std::optional<std::uint64_t> since,
                                            std::uint64_t limit) = 0;
    virtual Result<> audit_export(const TextSink& sink) = 0;
    virtual Result<json::object> audit_verify() = 0;

    virtual Result<json::object> schedules() = 0;
    virtual Result<json::object> create_schedule(const json::object& wanted) = 0;
    // `verb`: "pause", "resume", or empty for a look.
    virtual Result<json::object> schedule(const std::string& id, std::string_view verb) = 0;
    virtual Result<> remove_schedule(const std::string& id) = 0;
    // Waits for the end of the run; the schedule, whose `last_run` is that run.
    virtual Result<json::object> run_schedule(const std::string& id) = 0;

    // Waits for its end: the text of the signed report.
    virtual Result<std::string> drill(const DrillWishes& wishes, const Watcher& watch) = 0;
    virtual Result<std::string> drill_report(const std::string& id) = 0;
    virtual Result<json::object> drills() = 0;
    // PEM blocks, oldest key first.
    virtual Result<std::string> public_keys() = 0;
    // The proof, byte for byte.
    virtual Result<std::string> prove(const std::string& backup, const std::string& database,
                                      const std::string& document) = 0;

  protected:
    // For run_schedule, once the run's job is known; looks again after each pause.
    Result<json::object> wait_for_run(const std::string& id, const std::string& job_id,
                                      std::chrono::milliseconds pause);
};

}  // namespace davenport::cli
