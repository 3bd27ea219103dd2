#include "davenport/restore/restore.hpp"

namespace davenport::restore {
namespace {

Result<> check_empty(documents::DocumentStore& store, const std::string& name) {
    const auto database = store.open(name);
    if (!database && database.error().code == ErrorCode::not_found) return {};
    if (!database) return fail(database.error());
    DAVENPORT_ASSIGN(const documents::DatabaseInfo info, (*database)->info());
    if (info.documents == 0 && info.tombstones == 0) return {};
    return fail(ErrorCode::conflict,
                "an exact history needs an empty database, and {} holds {} documents and {} "
                "tombstones",
                name, info.documents, info.tombstones);
}

}  // namespace

Result<> check_exact_history(const Source& source, documents::DocumentStore& store,
                             const RestoreOptions& options) {
    for (const SourceDatabase& database : source.databases()) {
        if (!database.revisions)
            return fail(ErrorCode::invalid_argument,
                        "the backup does not hold the revisions of {}: it was not made with "
                        "backup.revisions = \"leaves\"",
                        database.key);
    }
    for (const SourceDatabase& database : source.databases()) {
        DAVENPORT_ASSIGN(const std::string name, resolve_database(database.key, options));
        DAVENPORT_TRY(check_empty(store, name));
    }
    return {};
}

}  // namespace davenport::restore
