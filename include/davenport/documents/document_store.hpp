#pragma once

#include "davenport/documents/document.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The port to document databases. Engines: embedded (SQLite), memory (tests), CouchDB (HTTP).
// Sequences are opaque text everywhere; "" and "0" stand for the beginning.
namespace davenport::documents {

struct DatabaseInfo {
    std::string name;
    std::string identity;  // of this creation of the database: another one after drop and create
    std::string sequence;  // of the last change
    std::uint64_t documents = 0;   // not deleted
    std::uint64_t tombstones = 0;  // deleted
    std::uint64_t bytes = 0;       // on disk, about; 0 where unknown
};

// Reads bytes piece by piece; 0 = end. Not thread-safe.
class ByteSource {
  public:
    virtual ~ByteSource() = default;
    virtual Result<std::size_t> read(std::span<char> buffer) = 0;
};
std::unique_ptr<ByteSource> source_of(std::string bytes);

struct ReadOptions {
    std::string revision;  // empty = the winner
    bool history = false;
    bool conflicts = false;
};

// What a write brings for one attachment of the new version. Attachments that a write does not name
// are dropped, as in CouchDB.
struct AttachmentWrite {
    std::string name;
    std::string content_type;
    // Exactly one of: new bytes, or `stub`: keep what the parent revision has under that name
    // (precondition failed = `conflict` with detail "missing_stub" when it has none).
    std::shared_ptr<ByteSource> source;
    bool stub = false;
    std::string digest;        // must match when given: a stub's, or that of the new bytes
    std::uint64_t revpos = 0;  // 0 = this revision
};

struct DocumentWrite {
    std::string_view id;
    // interactive: the revision this edit is based on, empty = there is none.
    // replicated: the new revision itself. overwrite: ignored.
    std::string_view revision;
    std::string_view body = "{}";  // object text without reserved members, valid JSON
    std::string_view type;         // the body's member "type"; the engine trusts it
    bool deleted = false;
    std::vector<AttachmentWrite> attachments;
    std::span<const std::string> history;  // replicated only: revision ids newest first
};

enum class WriteMode {
    interactive,  // a new edit: `conflict` unless `revision` is a current leaf (or the doc is new
                  // or deleted and `revision` empty)
    replicated,   // new_edits=false: grafts the given revision into the tree; never conflicts
    overwrite,    // last doc wins: a child of the winning revision, whatever it is; equal content
                  // (same_json body, same attachments, same deleted) is left as it is; a deletion
                  // ends the other leaves too, so that no conflict shows up in its place
};
enum class Atomicity {
    each,  // every document for itself; the call is still one durable transaction
    all,   // all or none: the first error is every document's and nothing is written
};

struct WriteOutcome {
    // created: no document was to be seen before (none, or a deleted one); deleted: the write was a
    // deletion; unchanged: no leaf came or went.
    enum class Kind { created, changed, unchanged, deleted, failed };
    Kind kind = Kind::failed;
    std::string revision;  // the new (or current) revision unless failed
    std::optional<Error> error;
};

// One pass over documents. Holds a read view; not thread-safe, but may move between threads. Drop
// it soon: a view that stays open keeps old data on disk.
class DocumentCursor {
  public:
    virtual ~DocumentCursor() = default;
    virtual Result<const DocumentView*> next() = 0;  // nullptr = end
};

struct AllDocsOptions {
    std::optional<std::string> start_id, end_id;  // in the direction of reading
    bool inclusive_end = true;
    bool descending = false;
    bool bodies = true;  // else body and attachments are empty, and the type may be
    // At most so many; 0 = all. Fewer than there are only where documents go while they are read.
    std::uint64_t limit = 0;
};

struct ChangesOptions {
    std::string since;
    bool all_leaves = false;  // style=all_docs: one view a leaf, winner first; else the winner
    bool bodies = true;
    bool descending = false;
};

enum class Order { by_id, by_sequence };

// What a pass shows of each document.
enum class Revisions {
    winners,  // the winner
    leaves,   // the winner with its history, and every other leaf, deleted ones too
};

// A consistent read view of one database (or the best the engine has: see `exact`). Not
// thread-safe, together with its cursors and sources, which keep the view alive. It may outlive the
// database's drop, and then goes on showing what was there or fails.
class Snapshot {
  public:
    virtual ~Snapshot() = default;
    virtual const DatabaseInfo& info() const = 0;
    // True when everything read is the state at info().sequence. Otherwise (CouchDB) the state of
    // each document lies between info().sequence and `reached`.
    virtual bool exact() const = 0;
    virtual std::string reached()
        const = 0;  // after a cursor ended; equals info().sequence if exact

    // For a backup: every document that changed after `since` ("" = all that exist). Tombstones
    // come only after a non-empty `since`, or with Revisions::leaves. A change to any leaf is one.
    // The engine picks the cheaper way and says in which order they come. invalid_argument for a
    // sequence that this database never had.
    struct ChangedDocuments {
        std::unique_ptr<DocumentCursor> cursor;
        Order order;
        // Where the view is not exact and the cursor does not see what changes meanwhile: to be
        // read to its end after it. By sequence, with tombstones; what comes here replaces what
        // came before, and may come again.
        std::unique_ptr<DocumentCursor> catch_up = nullptr;
    };
    virtual Result<ChangedDocuments> changed_since(std::string_view since,
                                                   Revisions revisions = Revisions::winners) = 0;

    // `_all_docs` order (bytes of the id; deleted documents do not appear) and `_changes` order.
    virtual Result<std::unique_ptr<DocumentCursor>> all_docs(const AllDocsOptions& options) = 0;
    virtual Result<std::unique_ptr<DocumentCursor>> changes(const ChangesOptions& options) = 0;

    // How many documents (winners, not deleted) have one of these types, each given once and not
    // empty: exact for this view, and only where the engine can tell without reading them all; else
    // nullopt.
    virtual Result<std::optional<std::uint64_t>> count_by_types(
        std::span<const std::string> types) {
        static_cast<void>(types);
        return std::optional<std::uint64_t>();
    }

    virtual Result<Document> get(std::string_view id, const ReadOptions& options = {}) = 0;
    // not_found when the document (winner, or `revision`) has none of that name.
    virtual Result<std::unique_ptr<ByteSource>> attachment(std::string_view id,
                                                           std::string_view revision,
                                                           std::string_view name) = 0;
};

// Fields are names of top-level members; only documents that have every field of an index are in
// it. Values are equal by type and value (true is not 1, 1 is 1.0); found documents come in the
// order of the fields after `equals`, then of their ids: null, numbers, texts by their bytes.
struct Query {
    std::string index;  // by the name given to ensure_index
    // Values as JSON texts ("\"abc\"", "17"), for the first fields of the index, in order.
    std::vector<std::string> equals;
    // Bounds for the field after them; inclusive; JSON texts or numbers, of one type; values of
    // another type lie outside.
    std::optional<std::string> from, to;
    bool descending = false;
    std::uint64_t limit = 100;
    std::uint64_t skip = 0;
};

// One database. Thread-safe.
class Database {
  public:
    virtual ~Database() = default;
    virtual const std::string& name() const = 0;
    virtual Result<DatabaseInfo> info() = 0;
    virtual Result<std::unique_ptr<Snapshot>> snapshot() = 0;

    // The winner, or `revision`. not_found with detail "missing" or "deleted".
    virtual Result<Document> get(std::string_view id, const ReadOptions& options = {}) = 0;
    // The winners of many documents, in the order of `ids`; nullopt where `get` says not_found.
    // Nothing of one moment: each may be of another state. Their bodies are in memory together.
    virtual Result<std::vector<std::optional<Document>>> get_many(std::span<const std::string> ids);
    // Every leaf (open_revs=all), winner first; not_found when there is no trace of the document.
    virtual Result<std::vector<Document>> leaves(std::string_view id, bool history) = 0;
    // Which of `revisions` of `id` are not in the tree (_revs_diff).
    virtual Result<std::vector<std::string>> missing_revisions(
        std::string_view id, std::span<const std::string> revisions) = 0;
    virtual Result<std::unique_ptr<ByteSource>> attachment(std::string_view id,
                                                           std::string_view revision,
                                                           std::string_view name) = 0;

    // One outcome a document, in order. Durable when it returns. A later document of the batch sees
    // the earlier ones. The Result is an error only when nothing at all was written.
    virtual Result<std::vector<WriteOutcome>> write(std::span<const DocumentWrite> documents,
                                                    WriteMode mode, Atomicity atomicity) = 0;

    // `_local/` documents: no tree, no sequence, never replicated or backed up. Id without prefix
    // here, with it in the Document. `revision` must be the current one, empty for a new document.
    virtual Result<Document> get_local(std::string_view id) = 0;
    virtual Result<std::string> put_local(std::string_view id, std::string_view revision,
                                          std::string_view body) = 0;  // new revision "0-N"
    virtual Result<> remove_local(std::string_view id, std::string_view revision) = 0;

    virtual Result<std::string> security() = 0;  // JSON object text; "{}" at first
    virtual Result<> set_security(std::string_view text) = 0;

    // Indexes on fields, for the product's own state. Idempotent.
    virtual Result<> ensure_index(std::string_view index, std::span<const std::string> fields) = 0;
    virtual Result<std::vector<Document>> find(const Query& query) = 0;
    virtual Result<std::uint64_t> count(const Query& query) = 0;  // limit and skip ignored

    // Blocks until the sequence is past `since` or the time is over; true when it is past.
    virtual Result<bool> wait_for_change(std::string_view since, std::uint64_t timeout_ms) = 0;
};

// Thread-safe. Databases handed out stay usable until they are dropped; after that every call on
// them is not_found.
class DocumentStore {
  public:
    virtual ~DocumentStore() = default;
    virtual Result<std::vector<std::string>> databases() = 0;                   // sorted
    virtual Result<> create(std::string_view name) = 0;                         // already_exists
    virtual Result<> drop(std::string_view name) = 0;                           // not_found
    virtual Result<std::shared_ptr<Database>> open(std::string_view name) = 0;  // not_found
    // open, after create where it is missing.
    Result<std::shared_ptr<Database>> open_or_create(std::string_view name);
};

struct EmbeddedOptions {
    std::uint64_t cache_bytes_per_database = 16ull << 20;
    std::uint32_t busy_timeout_ms = 10'000;  // for a lock that another process holds
};

// One SQLite file a database below `directory` (created if missing). Several processes may have it
// open at once.
Result<std::unique_ptr<DocumentStore>> open_embedded(const std::string& directory,
                                                     EmbeddedOptions options = {});
// For tests: the same behaviour without a disk.
std::unique_ptr<DocumentStore> make_memory();

}  // namespace davenport::documents
