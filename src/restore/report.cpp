#include "davenport/restore/restore.hpp"

#include <algorithm>
#include <iterator>

namespace davenport::restore {

std::uint64_t Report::failed() const {
    std::uint64_t count = whitelist_error.empty() ? 0 : 1;
    for (const DatabaseCounts& counts : databases) count += counts.failed;
    return count;
}

std::string Report::summary() const {
    DatabaseCounts all;
    for (const DatabaseCounts& counts : databases) {
        all.created += counts.created;
        all.changed += counts.changed;
        all.unchanged += counts.unchanged;
        all.deleted += counts.deleted;
        all.skipped += counts.skipped;
        all.failed += counts.failed;
    }
    std::string text =
        fmt::format("{} created, {} changed, {} unchanged, {} deleted, {} skipped, {} failed",
                    all.created, all.changed, all.unchanged, all.deleted, all.skipped, all.failed);
    if (failed() == 0) return text;

    const char* separator = ": ";
    for (const Failure& failure : failures) {
        fmt::format_to(std::back_inserter(text), "{}{}/{} ({})", separator, failure.database,
                       failure.id, failure.reason);
        separator = ", ";
    }
    if (all.failed > failures.size()) {
        fmt::format_to(std::back_inserter(text), " and {} more", all.failed - failures.size());
    }
    if (!whitelist_error.empty()) {
        fmt::format_to(std::back_inserter(text), "; the whitelist could not be rebuilt: {}",
                       whitelist_error);
    }
    return text;
}

Result<std::string> resolve_database(std::string_view key, const RestoreOptions& options) {
    if (key == "DB_COMPONENTS") return options.console.components;
    if (key == "DB_SESSIONS") return options.console.sessions;
    if (key == "DB_SYSTEM") return options.console.system;
    const ConsoleDatabases& console = options.console;
    const bool known = key == console.components || key == console.sessions ||
                       key == console.system || options.known_databases.contains(std::string(key));
    if (!known) {
        return fail(ErrorCode::invalid_argument,
                    "'{}' under dbs is neither a known database nor one of DB_COMPONENTS, "
                    "DB_SESSIONS, DB_SYSTEM",
                    key);
    }
    return std::string(key);
}

Result<> check_databases(const Source& source, const RestoreOptions& options) {
    std::map<std::string, std::string_view> keys;  // by database name
    for (const SourceDatabase& database : source.databases()) {
        DAVENPORT_ASSIGN(std::string name, resolve_database(database.key, options));
        const auto [other, added] = keys.emplace(std::move(name), database.key);
        if (!added) {
            return fail(ErrorCode::invalid_argument,
                        "'{}' and '{}' under dbs are the same database {}", other->second,
                        database.key, other->first);
        }
    }
    return {};
}

}  // namespace davenport::restore
