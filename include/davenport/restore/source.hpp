#pragma once

#include "davenport/backup_doc/reader.hpp"
#include "davenport/base/result.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/vault/vault.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::restore {

// A document to be restored. The views are valid until the next call on its cursor; the
// attachments' byte sources stay usable on any one thread for as long as the vault does, and open
// nothing before they are read.
struct SourceDocument {
    std::string_view id;
    std::string_view body;  // without reserved members
    std::string_view type;
    // Fresh sources each time; `stub` entries are for documents that an upload names without data.
    std::vector<documents::AttachmentWrite> attachments;
    std::uint64_t attachment_bytes = 0;  // of them, those that are held in memory
    bool deleted = false;                // an uploaded doc with "_deleted": true

    // Of `revisions()` only: the revision and what came before it, newest first.
    std::vector<std::string> history = {};
    // It is not among SourceDatabase::documents: a tombstone, or not the first leaf of a document.
    bool further = false;
};

class SourceCursor {
  public:
    virtual ~SourceCursor() = default;
    virtual Result<const SourceDocument*> next() = 0;  // nullptr = end; in array order
};

// The ids alone, in array order: a cheaper pass over the same documents.
class IdCursor {
  public:
    virtual ~IdCursor() = default;
    // nullptr = end. Valid until the next call.
    virtual Result<const std::string_view*> next() = 0;
};

struct SourceDatabase {
    std::string key;              // as the source calls it: name or type (DB_COMPONENTS, …)
    std::uint64_t documents = 0;  // repeated ids counted each time
    std::string security;         // JSON text; empty = none
    std::vector<std::string> skipped_types;  // types that the backup left out on purpose
    bool revisions = false;                  // the source holds every leaf, with its history
};

enum class IdOrder {
    ascending,  // by bytes, each id once
    any,        // ids may repeat: the last one wins
};

// Where a restore reads from. Not thread-safe, but may move between threads.
class Source {
  public:
    virtual ~Source() = default;
    virtual const std::vector<SourceDatabase>& databases() const = 0;
    virtual IdOrder order() const = 0;
    // Both: not_found for a key that is not in databases().
    virtual Result<std::unique_ptr<SourceCursor>> documents(std::string_view key) = 0;
    virtual Result<std::unique_ptr<IdCursor>> ids(std::string_view key) = 0;
    // Every leaf of every document with its history, tombstones included, the leaves of a document
    // one after the other, the winner first. `unsupported` unless the database has `revisions`.
    virtual Result<std::unique_ptr<SourceCursor>> revisions(std::string_view key);
};

// A backup in the vault, which must outlive the source. Attachments are checked while they are
// read: bytes that are not what was backed up are `corrupt`.
Result<std::unique_ptr<Source>> from_vault(const vault::Vault& vault, std::string_view backup_id);
// An uploaded backup doc.
std::unique_ptr<Source> from_upload(std::unique_ptr<backup_doc::Reader> reader);

}  // namespace davenport::restore
