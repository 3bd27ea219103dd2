#pragma once

#include "davenport/base/clock.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/vault/vault.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::replication {

// Document types that the product or the console writes for itself and that a restore must not
// bring back: login sessions, other backups, caches.
std::vector<std::string> default_skipped_types();

struct BackupOptions {
    std::string id;
    std::vector<std::string> databases;  // names, in the order they are backed up
    std::vector<std::string> skipped_types = default_skipped_types();
    // leaves: also every other leaf, revision histories and tombstones; without the documents whose
    // winner is of a skipped type.
    documents::Revisions revisions = documents::Revisions::winners;
    std::uint64_t segment_buffer_bytes = 64ull << 20;  // when documents do not come in id order
    std::string product_version;
    std::int64_t lock_ms = 0;  // retention lock from the backup's end on; 0 = none
};

struct DatabaseProgress {
    std::string name;
    std::int64_t started_ms = 0;
    std::int64_t finished_ms = 0;  // 0 = not yet
    std::string last_sequence;
    std::uint64_t documents_read = 0;      // changed ones, tombstones and left-out ones included
    std::uint64_t documents_expected = 0;  // of a full backup; 0 = not known beforehand
    std::uint64_t bytes_read = 0;
};

// Called from the working thread after every few thousand documents and at every database's
// beginning and end, with the databases begun so far. Returning an error (cancelled) ends the
// backup with it.
using BackupProgress = std::function<Result<>(const std::vector<DatabaseProgress>&)>;

// What DatabaseManifest::included says when no document was left out because of its type.
inline constexpr std::string_view every_type = "every_type";

// Documents -> vault. Takes a snapshot of each database in turn, writes what changed since the
// newest backup as a segment on top of its segments (everything, when there is none, the identity
// differs, the sequence went backwards, or what is to be backed up changed), then commits the
// manifest. A missing database is not_found and named; a document or attachment that can't be read
// ends it with an error that names it. Nothing is committed unless all of it was read. Idempotent
// for an id that is committed already: gives its manifest back.
Result<vault::Manifest> back_up(documents::DocumentStore& store, vault::Vault& vault,
                                const Clock& clock, const BackupOptions& options,
                                const BackupProgress& progress);

}  // namespace davenport::replication
