#pragma once

#include "davenport/base/json.hpp"
#include "davenport/documents/couchdb.hpp"
#include "davenport/documents/document_store.hpp"
#include "davenport/documents/document_text.hpp"
#include "davenport/replication/backup.hpp"
#include "support/couchdb_server.hpp"
#include "support/encryption.hpp"
#include "support/temporary_directory.hpp"

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <thread>

// What the tests of backup and restore share: stores, documents as plain values, and reading both
// back.
namespace davenport::test {

template <class T>
T must(Result<T> result) {
    if (!result) FAIL(result.error().message);
    return std::move(*result);
}
inline void must(Result<> result) {
    if (!result) FAIL(result.error().message);
}

// What a document is to its reader. Bodies are compared as text.
struct PlainDocument {
    std::string body = "{}";
    std::map<std::string, std::string> attachments;  // name -> bytes
    bool operator==(const PlainDocument&) const = default;
};
using PlainDatabase = std::map<std::string, PlainDocument>;

inline std::ostream& operator<<(std::ostream& out, const PlainDocument& document) {
    out << document.body;
    for (const auto& [name, bytes] : document.attachments)
        out << " +" << name << ":" << bytes.size();
    return out;
}

inline std::string type_in(std::string_view body) {
    return text_or(must(parse_json_object(body)), "type");
}

struct Engine {
    std::string name;
    std::unique_ptr<TemporaryDirectory> directory;
    std::unique_ptr<documents::DocumentStore> store;
};
// All engines "couchdb" of a process are one server, which each finds without databases.
inline std::unique_ptr<documents::DocumentStore> make_couchdb() {
    const CouchdbServer& server = CouchdbServer::shared();
    documents::CouchdbOptions options;
    options.url = server.url();
    options.user = server.user();
    options.password = server.password();
    auto store = must(documents::open_couchdb(options));
    const std::vector<std::string> found = must(store->databases());
    for (const std::string& database : found) must(store->drop(database));
    // Apache CouchDB needs a second until a name is free again.
    if (server.is_external() && !found.empty())
        std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
    return store;
}
inline Engine make_engine(const std::string& name) {
    Engine engine{name, nullptr, nullptr};
    if (name == "memory") {
        engine.store = documents::make_memory();
    } else if (name == "couchdb") {
        engine.store = make_couchdb();
    } else {
        engine.directory = std::make_unique<TemporaryDirectory>();
        engine.store = must(documents::open_embedded(*engine.directory / "documents"));
    }
    return engine;
}

// CouchDB keeps what JSON says, not how it is spelt.
inline bool same_body(const Engine& engine, const std::string& a, const std::string& b) {
    return engine.name == "couchdb" ? documents::same_json(a, b) : a == b;
}

// A clock that never stands still, so that no two backups look alike by chance.
class CountingClock final : public Clock {
  public:
    std::int64_t now_ms() const override { return ++now_; }

  private:
    mutable std::int64_t now_ = 1'700'000'000'000;
};

inline documents::WriteOutcome put(documents::Database& database, std::string_view id,
                                   const PlainDocument& document) {
    const std::string type = type_in(document.body);
    documents::DocumentWrite write;
    write.id = id;
    write.body = document.body;
    write.type = type;
    for (const auto& [name, bytes] : document.attachments) {
        write.attachments.push_back(
            {name, "application/octet-stream", documents::source_of(bytes), false, "", 0});
    }
    auto outcomes = must(
        database.write({&write, 1}, documents::WriteMode::overwrite, documents::Atomicity::each));
    REQUIRE(outcomes.size() == 1);
    if (outcomes[0].error) FAIL(outcomes[0].error->message);
    return outcomes[0];
}

inline void put(documents::Database& database, std::string_view id, const std::string& body) {
    put(database, id, PlainDocument{body, {}});
}

inline void erase(documents::Database& database, std::string_view id) {
    documents::DocumentWrite write;
    write.id = id;
    write.deleted = true;
    const auto outcomes = must(
        database.write({&write, 1}, documents::WriteMode::overwrite, documents::Atomicity::each));
    if (outcomes.at(0).error) FAIL(outcomes[0].error->message);
}

inline std::string drain(documents::ByteSource& source) {
    std::string bytes;
    std::array<char, 10'000> buffer;
    while (const std::size_t size = must(source.read(buffer))) bytes.append(buffer.data(), size);
    return bytes;
}

inline PlainDatabase contents(documents::Database& database) {
    PlainDatabase all;
    auto snapshot = must(database.snapshot());
    auto cursor = must(snapshot->all_docs({}));
    while (const documents::DocumentView* view = must(cursor->next())) {
        PlainDocument& document = all[std::string(view->id)];
        document.body = view->body;
        REQUIRE(view->type == type_in(view->body));
        if (view->attachments.empty()) continue;
        for (const auto& stub : must(documents::from_stub_text(view->attachments))) {
            document.attachments[stub.name] =
                drain(*must(snapshot->attachment(view->id, view->revision, stub.name)));
        }
    }
    return all;
}

inline PlainDatabase contents(documents::DocumentStore& store, std::string_view name) {
    return contents(*must(store.open(name)));
}

// What a reader of a backup sees of one of its databases.
inline PlainDatabase contents(const vault::Vault& vault, const vault::DatabaseManifest& entry) {
    PlainDatabase all;
    auto cursor = must(vault.documents(entry));
    std::string previous;
    while (const vault::Record* record = must(cursor->next())) {
        REQUIRE(previous < record->id);
        previous = record->id;
        PlainDocument& document = all[previous];
        document.body = record->body;
        if (record->attachments.empty()) continue;
        for (const auto& [name, facts] : must(parse_json_object(record->attachments))) {
            const auto blob = must(vault.attachment(text_or(facts.as_object(), "sha256")));
            std::string& bytes = document.attachments[name];
            must(blob->read(0, blob->size(), bytes));
            REQUIRE(integer_member(facts.as_object(), "length") ==
                    static_cast<std::int64_t>(bytes.size()));
        }
    }
    return all;
}

inline std::unique_ptr<vault::Vault> memory_vault(const Clock& clock) {
    return must(vault::Vault::open(blobs::make_memory(), clock, test::chosen_ring()));
}

inline std::vector<std::string> blob_names(vault::Vault& vault) {
    std::vector<std::string> names;
    for (const auto& blob : must(vault.store().list(""))) names.push_back(blob.name);
    return names;
}

inline std::uint64_t count_blobs(vault::Vault& vault, std::string_view prefix) {
    return must(vault.store().list(prefix)).size();
}

// Prints with every failure what repeats it.
class Seed {
  public:
    Seed() : value_(std::random_device()()) {}
    std::uint32_t value() const { return value_; }

  private:
    std::uint32_t value_;
};

}  // namespace davenport::test
