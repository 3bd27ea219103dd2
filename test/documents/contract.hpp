#pragma once

#include "davenport/documents/document_store.hpp"

#include <catch2/catch.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

// The suite that every engine passes. An engine joins by its entry in engines.cpp.
namespace davenport::documents::test {

struct Engine {
    std::string name;
    // A store without databases; what it needs lives as long as the store.
    std::function<std::shared_ptr<DocumentStore>()> make;

    // What not every engine can promise; where one can't, the tests expect what it says instead.
    bool exact_snapshots = true;      // Snapshot::exact
    bool own_revisions = true;        // names revisions by what they hold, the same everywhere
    bool atomic_batches = true;       // Atomicity::all; else unsupported for several documents
    bool keeps_text = true;           // bodies come back byte for byte; else as the same JSON
    bool plain_sequences = true;      // numbers, equal wherever they are told; 0 = nothing yet
    bool orders_changes = true;       // in the order in which they were made (not across shards)
    bool knows_its_successor = true;  // a Database never shows another one that took its name
    bool gaps_in_histories = true;    // replicated revisions may leave ancestors out
    bool content_digests = true;      // an attachment's digest is that of its bytes, whatever type
    bool edits_tombstones = true;     // a deletion of what is deleted can bring another body
    bool open_security = true;        // "{}" is the security object of a new database
    bool any_slashes = true;          // names of databases may differ in how many slashes follow
    bool counts_tombstones = true;
    bool knows_ancestors = true;  // a replicated revision's whole history, whenever it comes
};
const std::vector<Engine>& engines();

// The value, or a failed test with the error's text.
template <class T>
T require(Result<T> result) {
    if (!result) FAIL(traits(result.error().code).name << ": " << result.error().message);
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

template <class T>
Error error_of(const Result<T>& result) {
    REQUIRE_FALSE(result.has_value());
    return result.error();
}

// A fresh store of each engine in turn, with one database.
struct Fixture {
    Fixture();
    Engine engine;
    std::shared_ptr<DocumentStore> store;
    std::shared_ptr<Database> database;
};

// The same JSON, and the same text where the engine keeps that.
bool same_body(const Engine& engine, const std::string& a, const std::string& b);

// Short forms of writes of one document.
struct Put {
    std::string id;
    std::string body = "{}";
    std::string revision = {};
    bool deleted = false;
    std::vector<std::string> history = {};
    std::vector<AttachmentWrite> attachments = {};
};
WriteOutcome write(Database& database, const Put& put, WriteMode mode = WriteMode::interactive);
std::vector<WriteOutcome> write_all(Database& database, const std::vector<Put>& puts,
                                    WriteMode mode, Atomicity atomicity = Atomicity::each);
// The new revision; a failed test if the write failed.
std::string put(Database& database, const Put& put, WriteMode mode = WriteMode::interactive);
std::string overwrite(Database& database, const std::string& id, const std::string& body);
std::string replicate(Database& database, const std::string& id,
                      const std::vector<std::string>& history, const std::string& body = "{}",
                      bool deleted = false);

struct Row {
    std::string id, revision, body, type, attachments, sequence;
    bool deleted;
};
std::vector<Row> rows_of(Result<std::unique_ptr<DocumentCursor>> cursor);
std::vector<std::string> ids_of(const std::vector<Row>& rows);
std::vector<Row> all_docs(Database& database, const AllDocsOptions& options = {});
std::vector<Row> changes(Database& database, const ChangesOptions& options = {});
// In the order they come; where the view is not exact, what they come to in the end, by id.
std::vector<Row> changed_since(Snapshot& snapshot, const std::string& since);

std::string read_all(Result<std::unique_ptr<ByteSource>> source);
AttachmentWrite bytes_of(std::string name, std::string bytes, std::string type = "text/plain");
AttachmentWrite stub_of(std::string name, std::string digest = {});

std::uint32_t random_seed();  // printed, and shown by a failing test

}  // namespace davenport::documents::test
