#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/restore/source.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::restore {

enum class Mode {
    overlay,  // documents that the backup does not hold stay
    exact,    // they are deleted, except skipped ones (and the types that backups leave out)
};

enum class History {
    fresh,  // each document becomes a new revision of the one that is there
    exact,  // every leaf with its own revision id and history (new_edits=false): conflicts,
            // deleted leaves and tombstones are what they were
};

enum class Whitelist {
    rebuild,  // after the documents, in the system database
    leave,    // what is restored stays as it was in the backup
};

// The console's databases by type, so that uploads may name them either way, and the rules that
// only hold for them can find them.
struct ConsoleDatabases {
    std::string components = "athena_components";  // DB_COMPONENTS, skip_components
    std::string sessions = "athena_sessions";      // DB_SESSIONS, skip_sessions
    std::string system = "athena_system";          // DB_SYSTEM, skip_system
};

struct RestoreOptions {
    Mode mode = Mode::overlay;
    History history = History::fresh;  // exact: after check_exact_history, in any mode
    ConsoleDatabases console;
    std::set<std::string>
        known_databases;  // names a source may restore into, besides the console's
    // By database name.
    std::map<std::string, std::set<std::string, std::less<>>, std::less<>> skip;
    // Never deleted by `exact`; nor are the types that the source says it leaves out. A document of
    // such a type that the source does hold is restored like any other.
    std::vector<std::string> skipped_types;
    Whitelist whitelist = Whitelist::rebuild;
    std::string deployer_url;  // of the configuration; goes into the whitelist
    std::size_t batch_documents = 2'000;
    std::size_t batch_bytes = 8u << 20;
};

struct Failure {
    std::string database, id, reason;
};

// By document, not by array entry: of repeated ids the last one counts. With an exact history a
// document counts once, too, whatever its leaves; `deleted` are its tombstones.
struct DatabaseCounts {
    std::string database;
    std::uint64_t created = 0, changed = 0, unchanged = 0, deleted = 0, skipped = 0, failed = 0;
    std::uint64_t done() const {
        return created + changed + unchanged + deleted + skipped + failed;
    }
};

struct Report {
    std::vector<DatabaseCounts> databases;
    std::vector<Failure> failures;  // at most 100; the counts have them all
    bool whitelist_changed = false;
    std::string whitelist_error;  // non-empty: it could not be rebuilt
    // Over all databases, a failed whitelist included: not zero means not a success.
    std::uint64_t failed() const;
    std::string summary() const;  // one sentence for the transaction's message; names failures
};

struct RestoreProgress {
    // Of the source, repeated and skipped ones included; bytes of their bodies.
    std::uint64_t documents_done = 0, documents_total = 0, bytes = 0;
    std::string step;  // "athena_components", "whitelist"
    std::uint32_t on_step = 0, total_steps = 0;
};
// From the working thread; an error (cancelled) stops the restore with it.
using ProgressCallback = std::function<Result<>(const RestoreProgress&)>;

// The database name that a source's key stands for; invalid_argument names an unknown key.
Result<std::string> resolve_database(std::string_view key, const RestoreOptions& options);
// Every key of the source, and no database twice: called before anything is accepted.
Result<> check_databases(const Source& source, const RestoreOptions& options);
// Whether an exact history can come of it: invalid_argument when the source does not hold the
// revisions of a database, conflict when the database is neither missing nor empty (a tombstone,
// too, is a document that was there); both name it. Called before anything is written.
Result<> check_exact_history(const Source& source, documents::DocumentStore& store,
                             const RestoreOptions& options);

// Source -> documents, then `_security`, then (exact) deletions, then the whitelist (unless told to
// leave it). Idempotent:
// run again after a crash it finishes the work. Documents that fail are counted and named, the rest
// goes on; the Result is an error only when it could not go on. Creates missing databases. Reads
// the source on a thread of its own while the caller's thread writes; `progress` is called on the
// latter.
Result<Report> run(Source& source, documents::DocumentStore& store, const RestoreOptions& options,
                   const ProgressCallback& progress);
// The same counts without writing anything. Says nothing about the whitelist, which depends on what
// the restore would write.
Result<Report> dry_run(Source& source, documents::DocumentStore& store,
                       const RestoreOptions& options, const ProgressCallback& progress);

// Rebuilds `url_safe_list` in the settings doc `00_settings_athena` of the system database: the
// distinct scheme://host:port of the components' URLs, the peers of signature collections and the
// deployer URL (the settings doc's own `deployer_url` when the given one is empty), sorted. What is
// no URL is left out. Only that member's text is replaced. True when the list changed (then one
// write). A missing system database or settings doc is not an error: there is no list to rebuild
// (false).
Result<bool> rebuild_whitelist(documents::DocumentStore& store, const ConsoleDatabases& console,
                               std::string_view deployer_url);

}  // namespace davenport::restore
