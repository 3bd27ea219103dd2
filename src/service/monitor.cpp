#include "davenport/service/monitor.hpp"

#include "davenport/service/version.hpp"
#include "process_samples.hpp"
#include "refreshed.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/statvfs.h>

#include <atomic>
#include <map>
#include <variant>

namespace davenport::service {
namespace {

using std::chrono::milliseconds;

// A look at a CouchDB that was away may have taken minutes.
constexpr Freshness state_freshness{milliseconds(1'000), milliseconds(10'000)};
// Reading the directory may take a while.
constexpr Freshness size_freshness{milliseconds(5 * 60'000), milliseconds(24 * 3'600'000)};
constexpr milliseconds scrape_patience{2'000};
constexpr milliseconds size_patience{200};
constexpr milliseconds readiness_patience{1'000};
constexpr std::uint64_t looked_at_jobs = 1'000;
constexpr std::size_t max_kinds = 32;  // of jobs; more can only come from a damaged store

struct Waiting {
    std::uint64_t jobs = 0;
    std::int64_t since_ms = 0;  // of the oldest
};

// What the vault tells.
struct Backups {
    std::uint64_t count = 0;
    std::optional<vault::Manifest> newest;
};

// What the control database tells.
struct Work {
    std::uint64_t deliveries = 0;                                 // that wait
    std::int64_t last_drill_ms = 0;                               // that ended well; 0 = none
    std::map<std::pair<std::string, std::string>, Waiting> jobs;  // by kind and state
};

using Sizes = std::map<std::string, std::uint64_t>;  // bytes by the first part of a blob's name

// The newest that can be read: a damaged manifest is the business of `verify`.
Result<std::optional<vault::Manifest>> newest_backup(const vault::Vault& vault,
                                                     const std::vector<std::string>& ids) {
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
        auto manifest = vault.manifest(*id);
        if (manifest) return std::optional<vault::Manifest>(std::move(*manifest));
        if (manifest.error().code != ErrorCode::not_found &&
            manifest.error().code != ErrorCode::corrupt)
            return fail(manifest.error());
    }
    return std::optional<vault::Manifest>();
}

void sample_newest(metrics::Samples& samples, const vault::Manifest& newest, std::int64_t now_ms) {
    samples.gauge("davenport_backup_newest_timestamp_seconds",
                  "When the newest complete backup was begun: the state that it holds.",
                  static_cast<double>(newest.started_ms) / 1000);
    samples.gauge("davenport_backup_age_seconds",
                  "How old the state is that the newest complete backup holds.",
                  static_cast<double>(now_ms - newest.started_ms) / 1000);
    samples.gauge("davenport_backup_last_duration_seconds", "Of the newest complete backup.",
                  static_cast<double>(newest.finished_ms - newest.started_ms) / 1000);
    double documents = 0, raw = 0, stored = 0;
    for (const vault::DatabaseManifest& database : newest.databases) {
        documents += static_cast<double>(database.documents);
        for (const vault::SegmentReference& segment : database.segments) {
            raw += static_cast<double>(segment.raw_bytes);
            stored += static_cast<double>(segment.stored_bytes);
        }
    }
    samples.gauge("davenport_backup_last_documents", "In the newest complete backup.", documents);
    samples.gauge("davenport_backup_last_bytes",
                  "Documents of the newest complete backup, before compression.", raw);
    samples.gauge("davenport_backup_last_stored_bytes",
                  "Segments that the newest complete backup needs, as stored.", stored);
}

void sample_disk(metrics::Samples& samples, const std::string& directory) {
    struct statvfs disk {};
    if (::statvfs(directory.c_str(), &disk) != 0) return;
    const auto block = static_cast<double>(disk.f_frsize);
    samples.gauge("davenport_data_free_bytes", "Left for us where the data directory is.",
                  static_cast<double>(disk.f_bavail) * block);
    samples.gauge("davenport_data_size_bytes", "Of the file system of the data directory.",
                  static_cast<double>(disk.f_blocks) * block);
}

}  // namespace

struct Monitor::Impl {
    explicit Impl(Parts given)
        : parts(std::move(given)),
          backups([this] { return look_at_backups(); }, state_freshness),
          work([this] { return look_at_work(); }, state_freshness),
          sizes([this] { return look_at_sizes(); }, size_freshness),
          documents([this] { return look_at_documents(); }, state_freshness),
          vault([this] { return look_at_vault(); }, state_freshness) {}

    Result<Backups> look_at_backups() {
        Backups seen;
        DAVENPORT_ASSIGN(const auto ids, parts.vault.list());
        seen.count = ids.size();
        // Manifests never change: the one that was read is good as long as it is the newest.
        if (!newest || ids.empty() || newest->id != ids.back()) {
            DAVENPORT_ASSIGN(newest, newest_backup(parts.vault, ids));
        }
        seen.newest = newest;
        return seen;
    }

    Result<Work> look_at_work() {
        Work seen;
        DAVENPORT_ASSIGN(seen.deliveries, parts.deliveries.waiting());
        if (parts.last_drill_ms) {
            DAVENPORT_ASSIGN(seen.last_drill_ms, parts.last_drill_ms());
        }
        DAVENPORT_ASSIGN(const auto jobs, parts.runner.unended(looked_at_jobs));
        for (const jobs::Job& job : jobs) {
            const std::pair key(job.kind, std::string(jobs::to_text(job.state)));
            if (!seen.jobs.contains(key) && seen.jobs.size() >= 2 * max_kinds) continue;
            Waiting& waiting = seen.jobs[key];
            const std::int64_t since =
                job.state == jobs::State::running ? job.started_ms : job.created_ms;
            if (waiting.jobs++ == 0 || since < waiting.since_ms) waiting.since_ms = since;
        }
        return seen;
    }

    Result<Sizes> look_at_sizes() {
        Sizes seen;
        // One after the other: a large vault's list of blobs is large.
        for (const char* prefix : {"segments", "attachments", "manifests", "removed", "appended"}) {
            DAVENPORT_ASSIGN(const auto blobs,
                             parts.vault.store().list(fmt::format("{}/", prefix)));
            std::uint64_t& bytes = seen[prefix];
            for (const blobs::BlobInfo& blob : blobs) bytes += blob.size;
        }
        return seen;
    }

    // Every start sees to it that there is this document.
    Result<std::monostate> look_at_documents() {
        DAVENPORT_TRY(parts.control.get("davenport"));
        return std::monostate{};
    }

    // A blob that is begun and given up leaves nothing.
    Result<std::monostate> look_at_vault() {
        DAVENPORT_ASSIGN(const auto writer, parts.vault.store().create());
        DAVENPORT_TRY(writer->append(std::string(4096, ' ')));
        return std::monostate{};
    }

    void sample(metrics::Samples& samples) {
        const std::int64_t now_ms = parts.clock.now_ms();
        const auto up = [&](const char* store, double value) {
            samples.gauge("davenport_store_up",
                          "1 when the store told what it holds, else 0 and that is missing here.",
                          value, {{"store", store}});
        };
        const auto held = backups.get(scrape_patience);
        up("blobs", held ? 1 : 0);
        if (held) sample_backups(samples, *held, now_ms);
        const auto waiting = work.get(scrape_patience);
        up("documents", waiting ? 1 : 0);
        if (waiting) sample_work(samples, *waiting, now_ms);
        if (const auto bytes = sizes.get(size_patience))
            for (const auto& [kind, size] : *bytes)
                samples.gauge("davenport_vault_bytes",
                              "Stored in the vault, looked at every few minutes.",
                              static_cast<double>(size), {{"kind", kind}});
        sample_disk(samples, parts.data_directory);
        samples.gauge("davenport_build_info", "Always 1; its labels say what runs.", 1,
                      {{"version", std::string(product_version)}});
        sample_process(samples);
    }

    static void sample_backups(metrics::Samples& samples, const Backups& seen,
                               std::int64_t now_ms) {
        samples.gauge("davenport_backups", "Complete backups in the vault.",
                      static_cast<double>(seen.count));
        if (seen.newest) sample_newest(samples, *seen.newest, now_ms);
    }

    static void sample_work(metrics::Samples& samples, const Work& seen, std::int64_t now_ms) {
        samples.gauge("davenport_webhook_queue_length", "Deliveries that are to be sent (again).",
                      static_cast<double>(seen.deliveries));
        if (seen.last_drill_ms != 0)
            samples.gauge("davenport_drill_last_success_timestamp_seconds",
                          "When the newest drill that found its backup recoverable ended.",
                          static_cast<double>(seen.last_drill_ms) / 1000);
        for (const auto& [key, waiting] : seen.jobs) {
            const metrics::Labels labels{{"kind", key.first}, {"state", key.second}};
            samples.gauge("davenport_jobs", "Jobs that wait or run, of all instances.",
                          static_cast<double>(waiting.jobs), labels);
            samples.gauge("davenport_job_oldest_seconds",
                          "How long the oldest of them has been waiting or running.",
                          static_cast<double>(now_ms - waiting.since_ms) / 1000, labels);
        }
    }

    // Only what is new: anybody may ask, as often as they like.
    void tell(const std::string& part, const Error* problem) {
        const std::string_view now = problem ? traits(problem->code).name : std::string_view();
        {
            const std::lock_guard lock(told_mutex);
            std::string_view& before = told[part];
            if (std::exchange(before, now) == now) return;
        }
        if (problem)
            spdlog::warn("not ready: {}: {}", part, problem->message);
        else
            spdlog::info("ready again: {}", part);
    }

    const Parts parts;
    std::atomic<bool> draining = false;
    std::optional<vault::Manifest> newest;  // of the thread that looks at backups, alone
    std::mutex told_mutex;
    std::map<std::string, std::string_view> told;  // the kind of its problem, by part
    Refreshed<Backups> backups;
    Refreshed<Work> work;
    Refreshed<Sizes> sizes;
    Refreshed<std::monostate> documents, vault;
};

Monitor::Monitor(Parts parts) : impl_(std::make_unique<Impl>(std::move(parts))) {
    impl_->parts.metrics.collect(
        [impl = impl_.get()](metrics::Samples& samples) { impl->sample(samples); });
}

Monitor::~Monitor() = default;

std::vector<Monitor::Check> Monitor::readiness() {
    std::vector<Check> checks;
    checks.push_back({"service", impl_->draining ? "it is stopping" : ""});
    // What a store says of its trouble may name hosts and files: that is for the log.
    const auto add = [&](std::string part, Refreshed<std::monostate>& look) {
        const auto seen = look.get(readiness_patience);
        impl_->tell(part, seen ? nullptr : &seen.error());
        if (seen) return checks.push_back({std::move(part), ""});
        const bool silent = seen.error().code == ErrorCode::timeout;
        checks.push_back({std::move(part), silent ? seen.error().message
                                                  : std::string(traits(seen.error().code).name)});
    };
    add("documents", impl_->documents);
    add("vault", impl_->vault);
    return checks;
}

void Monitor::begin_draining() {
    impl_->draining = true;
}

bool Monitor::draining() const {
    return impl_->draining;
}

}  // namespace davenport::service
