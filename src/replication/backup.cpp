#include "davenport/replication/backup.hpp"

#include "database_backup.hpp"

#include <set>

namespace davenport::replication {
namespace {

Result<> check(const BackupOptions& options) {
    if (options.id.empty()) return fail(ErrorCode::invalid_argument, "a backup needs an id");
    if (options.databases.empty()) {
        return fail(ErrorCode::invalid_argument, "backup {} names no database", options.id);
    }
    std::set<std::string_view> seen;
    for (const std::string& name : options.databases) {
        if (!seen.insert(name).second) {
            return fail(ErrorCode::invalid_argument, "backup {} names database {} twice",
                        options.id, name);
        }
    }
    return {};
}

Error about(std::string_view database, Error error) {
    if (error.code != ErrorCode::cancelled) {
        error.message = fmt::format("cannot back up database {}: {}", database, error.message);
    }
    return error;
}

}  // namespace

std::vector<std::string> default_skipped_types() {
    return {"athena_backup", "session_athena", "pillow_talk_doc", "json_validation"};
}

Result<vault::Manifest> back_up(documents::DocumentStore& store, vault::Vault& vault,
                                const Clock& clock, const BackupOptions& options,
                                const BackupProgress& progress) {
    DAVENPORT_TRY(check(options));
    auto committed = vault.manifest(options.id);
    if (committed || committed.error().code != ErrorCode::not_found) return committed;

    vault::Manifest manifest;
    manifest.id = options.id;
    manifest.started_ms = clock.now_ms();
    manifest.product_version = options.product_version;

    std::vector<DatabaseProgress> begun;
    begun.reserve(options.databases.size());  // DatabaseBackup keeps a reference to its own
    for (const std::string& name : options.databases) {
        auto database = store.open(name);
        if (!database) return fail(about(name, std::move(database).error()));
        begun.emplace_back().name = name;
        DatabaseBackup backup(**database, vault, clock, options, begun.back(), [&]() -> Result<> {
            return progress ? progress(begun) : Result<>();
        });
        auto entry = backup.run();
        if (!entry) return fail(about(name, std::move(entry).error()));
        manifest.databases.push_back(std::move(*entry));
    }
    manifest.finished_ms = clock.now_ms();
    if (options.lock_ms > 0) manifest.locked_until_ms = manifest.finished_ms + options.lock_ms;
    DAVENPORT_TRY(vault.commit(std::move(manifest)));
    return vault.manifest(options.id);
}

}  // namespace davenport::replication
