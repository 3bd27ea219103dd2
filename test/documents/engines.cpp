#include "contract.hpp"
#include "davenport/documents/couchdb.hpp"
#include "davenport/documents/document_text.hpp"
#include "support/couchdb_server.hpp"
#include "support/temporary_directory.hpp"

#include <chrono>
#include <iostream>
#include <map>
#include <random>
#include <thread>

namespace davenport::documents::test {
namespace {

std::shared_ptr<DocumentStore> make_embedded() {
    struct Held {
        davenport::test::TemporaryDirectory directory;
        std::unique_ptr<DocumentStore> store;
    };
    auto held = std::make_shared<Held>();
    held->store = require(open_embedded(held->directory / "store"));
    return {held, held->store.get()};
}

std::shared_ptr<DocumentStore> make_couchdb() {
    const auto& server = davenport::test::CouchdbServer::shared();
    CouchdbOptions options;
    options.url = server.url();
    options.user = server.user();
    options.password = server.password();
    options.retry_for_ms = 10'000;
    std::shared_ptr<DocumentStore> store = require(open_couchdb(options));
    const std::vector<std::string> found = require(store->databases());
    for (const std::string& name : found) require(store->drop(name));
    // Apache CouchDB needs a second until a name is free again.
    if (server.is_external() && !found.empty())
        std::this_thread::sleep_for(std::chrono::milliseconds(1'100));
    return store;
}

Engine couchdb() {
    Engine engine{"couchdb", make_couchdb};
    engine.exact_snapshots = false;
    engine.own_revisions = false;
    engine.atomic_batches = false;
    engine.keeps_text = false;
    engine.plain_sequences = false;
    // As tests make databases, Apache CouchDB has them in two shards; the server in its place has
    // none, and some weaknesses of its own.
    const bool genuine = davenport::test::CouchdbServer::shared().is_external();
    engine.orders_changes = !genuine;
    engine.any_slashes = !genuine;
    engine.counts_tombstones = genuine;
    engine.knows_ancestors = genuine;
    engine.edits_tombstones = false;
    engine.knows_its_successor = false;
    engine.gaps_in_histories = false;
    engine.content_digests = false;
    engine.open_security = false;
    return engine;
}

}  // namespace

const std::vector<Engine>& engines() {
    static const std::vector<Engine> all = {
        {"embedded", make_embedded},
        {"memory", [] { return std::shared_ptr<DocumentStore>(make_memory()); }},
        couchdb(),
    };
    return all;
}

Fixture::Fixture() {
    const std::size_t which = GENERATE(range(std::size_t{0}, engines().size()));
    UNSCOPED_INFO("engine: " << engines()[which].name);
    engine = engines()[which];
    store = engine.make();
    database = require(store->open_or_create("tests"));
}

bool same_body(const Engine& engine, const std::string& a, const std::string& b) {
    return engine.keeps_text ? a == b : same_json(a, b);
}

std::vector<WriteOutcome> write_all(Database& database, const std::vector<Put>& puts,
                                    WriteMode mode, Atomicity atomicity) {
    std::vector<DocumentWrite> writes;
    for (const Put& put : puts) {
        DocumentWrite write;
        write.id = put.id;
        write.revision = put.revision;
        write.body = put.body;
        write.deleted = put.deleted;
        write.history = put.history;
        write.attachments = put.attachments;
        if (put.body.find("\"type\":\"peer\"") != std::string::npos) write.type = "peer";
        writes.push_back(std::move(write));
    }
    auto outcomes = require(database.write(writes, mode, atomicity));
    REQUIRE(outcomes.size() == puts.size());
    return outcomes;
}

WriteOutcome write(Database& database, const Put& put, WriteMode mode) {
    return write_all(database, {put}, mode).front();
}

std::string put(Database& database, const Put& put, WriteMode mode) {
    const WriteOutcome outcome = write(database, put, mode);
    if (outcome.error) FAIL(put.id << ": " << outcome.error->message);
    REQUIRE(outcome.kind != WriteOutcome::Kind::failed);
    return outcome.revision;
}

std::string overwrite(Database& database, const std::string& id, const std::string& body) {
    Put what{id};
    what.body = body;
    return put(database, what, WriteMode::overwrite);
}

std::string replicate(Database& database, const std::string& id,
                      const std::vector<std::string>& history, const std::string& body,
                      bool deleted) {
    Put what{id};
    what.body = body;
    what.revision = history.front();
    what.history = history;
    what.deleted = deleted;
    return put(database, what, WriteMode::replicated);
}

std::vector<Row> rows_of(Result<std::unique_ptr<DocumentCursor>> opened) {
    const auto cursor = require(std::move(opened));
    std::vector<Row> rows;
    while (const DocumentView* view = require(cursor->next()))
        rows.push_back({std::string(view->id), std::string(view->revision), std::string(view->body),
                        std::string(view->type), std::string(view->attachments),
                        std::string(view->sequence), view->deleted});
    CHECK(require(cursor->next()) == nullptr);
    return rows;
}

std::vector<std::string> ids_of(const std::vector<Row>& rows) {
    std::vector<std::string> ids;
    for (const Row& row : rows) ids.push_back(row.id);
    return ids;
}

std::vector<Row> all_docs(Database& database, const AllDocsOptions& options) {
    return rows_of(require(database.snapshot())->all_docs(options));
}

std::vector<Row> changes(Database& database, const ChangesOptions& options) {
    return rows_of(require(database.snapshot())->changes(options));
}

std::vector<Row> changed_since(Snapshot& snapshot, const std::string& since) {
    auto changed = require(snapshot.changed_since(since));
    std::vector<Row> rows = rows_of(std::move(changed.cursor));
    if (snapshot.exact()) return rows;
    std::map<std::string, Row> last;
    for (const Row& row : rows) last.insert_or_assign(row.id, row);
    if (changed.catch_up)
        for (const Row& row : rows_of(std::move(changed.catch_up)))
            last.insert_or_assign(row.id, row);
    const bool everything = since.empty() || since == "0";
    rows.clear();
    for (const auto& [id, row] : last)
        if (!everything || !row.deleted) rows.push_back(row);
    return rows;
}

std::string read_all(Result<std::unique_ptr<ByteSource>> opened) {
    const auto source = require(std::move(opened));
    std::string bytes;
    char buffer[10'000];
    while (const std::size_t count = require(source->read(buffer))) bytes.append(buffer, count);
    return bytes;
}

AttachmentWrite bytes_of(std::string name, std::string bytes, std::string type) {
    AttachmentWrite attachment;
    attachment.name = std::move(name);
    attachment.content_type = std::move(type);
    attachment.source = source_of(std::move(bytes));
    return attachment;
}

AttachmentWrite stub_of(std::string name, std::string digest) {
    AttachmentWrite attachment;
    attachment.name = std::move(name);
    attachment.stub = true;
    attachment.digest = std::move(digest);
    return attachment;
}

std::uint32_t random_seed() {
    const std::uint32_t seed = std::random_device{}();
    std::cout << "seed " << seed << std::endl;
    UNSCOPED_INFO("seed " << seed);
    return seed;
}

}  // namespace davenport::documents::test
