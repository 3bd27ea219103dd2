#include "contract.hpp"
#include "documents/embedded/field_index.hpp"
#include "documents/embedded/schema.hpp"
#include "support/temporary_directory.hpp"

#include <filesystem>
#include <fstream>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
namespace embedded = davenport::documents::embedded;
namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

namespace {

std::vector<fs::path> database_files(const fs::path& directory) {
    std::vector<fs::path> files;
    for (const auto& entry : fs::directory_iterator(directory))
        if (entry.path().extension() == ".db") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    return files;
}

std::unique_ptr<embedded::Connection> connect(const fs::path& file) {
    return require(
        embedded::Connection::open(file.string(), "direct", embedded::Access::open, 1000));
}

std::int64_t number(embedded::Connection& connection, const char* sql) {
    embedded::Statement statement(connection, sql);
    embedded::Rows rows = statement.run();
    REQUIRE(require(rows.next()));
    return rows.integer(0);
}

// A store in a directory of its own, and the file of its one database.
struct Files {
    davenport::test::TemporaryDirectory directory;
    std::unique_ptr<DocumentStore> store = require(open_embedded(directory / "store"));
    std::shared_ptr<Database> database = require(store->open_or_create("tests"));

    fs::path file() const { return database_files(directory / "store").at(0); }
    void reopen() {
        database.reset();
        store.reset();
        store = require(open_embedded(directory / "store"));
        database = require(store->open("tests"));
    }
};

}  // namespace

TEST_CASE("one file a database, named after it") {
    davenport::test::TemporaryDirectory directory;
    const fs::path path = directory / "not/yet/there";
    {
        const auto store = require(open_embedded(path.string()));
        for (const char* name : {"a/b", "a_b", "a+b$"}) {
            require(store->create(name));
            put(*require(store->open(name)), {"x"});
        }
    }
    Strings names;
    for (const fs::path& file : database_files(path))
        names.push_back(file.filename().string().substr(0, file.filename().string().find('.')));
    CHECK(names == Strings{"a+b$", "a,b", "a_b"});
    // Nothing else stays behind: no log, no mark, but the lock.
    CHECK(std::distance(fs::directory_iterator(path), fs::directory_iterator()) == 4);
}

TEST_CASE("a store is read again as it was left") {
    Files f;
    const std::string first = put(*f.database, {"a", "{\"n\":1}"});
    put(*f.database, {"a", "{\"n\":2}", first, false, {}, {bytes_of("x", "bytes")}});
    replicate(*f.database, "a", {"2-zzz", "1-q"}, "{\"n\":\"z\"}");
    require(f.database->ensure_index("n", Strings{"n"}));
    require(f.database->put_local("l", "", "{}"));
    const DatabaseInfo before = require(f.database->info());
    f.reopen();
    const DatabaseInfo after = require(f.database->info());
    CHECK(after.identity == before.identity);
    CHECK(after.sequence == before.sequence);
    CHECK(after.bytes >= 8192);
    CHECK(require(f.database->get("a")).revision == "2-zzz");
    CHECK(require(f.database->leaves("a", true)).size() == 2);
    const std::string second = require(f.database->leaves("a", false))[1].revision;
    CHECK(read_all(f.database->attachment("a", second, "x")) == "bytes");
    CHECK(require(f.database->get_local("l")).revision == "0-1");
    Query query;
    query.index = "n";
    CHECK(require(f.database->count(query)) == 1);
}

TEST_CASE("a first write is one row; only more revisions make rows of revisions") {
    Files f;
    put(*f.database, {"a", "{\"n\":1}"});
    overwrite(*f.database, "b", "{}");
    replicate(*f.database, "c", {"7-x"});
    const auto connection = connect(f.file());
    CHECK(number(*connection, "SELECT count(*) FROM revisions") == 0);
    overwrite(*f.database, "a", "{\"n\":2}");
    CHECK(number(*connection, "SELECT count(*) FROM revisions") == 2);
    overwrite(*f.database, "a", "{\"n\":3}");
    CHECK(number(*connection, "SELECT count(*) FROM revisions") == 3);
    CHECK(number(*connection, "SELECT sum(length(body)) FROM revisions") == 0);
    CHECK(number(*connection, "SELECT count(*) FROM revisions WHERE leaf") == 1);
    CHECK(number(*connection, "SELECT count(*) FROM revisions WHERE parent = ''") == 1);
}

TEST_CASE("bytes of attachments are stored once, and go with the last who has them") {
    Files f;
    const std::string bytes(1'000'000, 'x');
    const auto connection = connect(f.file());
    const auto blobs = [&] { return number(*connection, "SELECT count(*) FROM blobs"); };
    const auto chunks = [&] { return number(*connection, "SELECT count(*) FROM chunks"); };
    const std::string a = put(*f.database, {"a", "{}", "", false, {}, {bytes_of("x", bytes)}});
    const std::string b = put(*f.database, {"b", "{}", "", false, {}, {bytes_of("y", bytes)}});
    CHECK(blobs() == 1);
    CHECK(chunks() == 4);
    CHECK(number(*connection, "SELECT refs FROM blobs") == 2);
    const std::string kept = put(*f.database, {"a", "{\"n\":1}", a, false, {}, {stub_of("x")}});
    CHECK(number(*connection, "SELECT refs FROM blobs") == 2);
    put(*f.database, {"b", "{}", b, true});
    CHECK(number(*connection, "SELECT refs FROM blobs") == 1);
    // Refused writes leave nothing, neither small nor large ones.
    CHECK(write(*f.database,
                {"a", "{}", b, false, {}, {bytes_of("z", bytes + "z"), bytes_of("s", "s")}})
              .error);
    write_all(*f.database, {{"q", "{}", "", false, {}, {bytes_of("z", bytes + "z")}}, {"_", "{}"}},
              WriteMode::interactive, Atomicity::all);
    CHECK(blobs() == 1);
    overwrite(*f.database, "a", "{}");
    CHECK(blobs() == 0);
    CHECK(chunks() == 0);
    CHECK(number(*connection, "SELECT count(*) FROM attachments") == 0);
}

TEST_CASE("a slow source does not keep others from writing") {
    Files f;
    // Writes to the same database whenever it is asked for bytes.
    class Writing final : public ByteSource {
      public:
        explicit Writing(Database& database) : database_(database) {}
        Result<std::size_t> read(std::span<char> buffer) override {
            if (reads_ == 20) return std::size_t{0};
            put(database_, {"other" + std::to_string(reads_++)});
            const std::size_t count = std::min<std::size_t>(buffer.size(), 60'000);
            std::fill_n(buffer.data(), count, 'x');
            return count;
        }

      private:
        Database& database_;
        int reads_ = 0;
    };
    AttachmentWrite attachment;
    attachment.name = "x";
    attachment.source = std::make_shared<Writing>(*f.database);
    put(*f.database, {"a", "{}", "", false, {}, {attachment}});
    CHECK(require(f.database->info()).documents == 21);
    CHECK(read_all(f.database->attachment("a", "", "x")).size() > 1'000'000);
}

TEST_CASE("changed bytes are found out when they are read") {
    Files f;
    const std::string bytes(600'000, 'x');
    put(*f.database, {"a", "{}", "", false, {}, {bytes_of("x", bytes)}});
    const auto read = [&]() -> Result<std::size_t> {
        const auto source = require(f.database->attachment("a", "", "x"));
        std::vector<char> buffer(100'000);
        for (;;) {
            const auto count = source->read(buffer);
            if (!count || *count == 0) return count;
        }
    };
    CHECK(read().has_value());
    const auto connection = connect(f.file());
    require(connection->execute("UPDATE chunks SET bytes = zeroblob(length(bytes)) WHERE n = 1"));
    CHECK(error_of(read()).code == ErrorCode::corrupt);
    require(connection->execute("DELETE FROM chunks WHERE n = 2"));
    CHECK(error_of(read()).code == ErrorCode::corrupt);
}

TEST_CASE("queries use their index") {
    Files f;
    const Strings fields = {"kind", "it's"};
    require(f.database->ensure_index("by-kind", fields));
    const auto connection = connect(f.file());
    Query query;
    query.index = "by-kind";
    const auto plan = [&] { return require(embedded::explain_find(*connection, query)); };
    const auto uses = [&](const std::string& constraint) {
        const std::string text = plan();
        INFO(text);
        return text.find("USING INDEX field_by-kind" + constraint) != std::string::npos &&
               text.find("TEMP B-TREE") == std::string::npos;
    };
    CHECK(uses(""));
    query.equals = {"\"job\""};
    CHECK(uses(" (<expr>=?)"));
    query.descending = true;
    CHECK(uses(" (<expr>=?)"));
    query.from = "1";
    query.to = "5";
    CHECK(uses(" (<expr>=? AND <expr>>? AND <expr><?)"));
    query.from = query.to = std::nullopt;
    query.equals = {"\"job\"", "null"};
    CHECK(uses(" (<expr>=? AND <expr>=?)"));
}

TEST_CASE("some changed documents of many come in the order of their ids") {
    Files f;
    const auto id_of = [](int i) { return "doc" + std::to_string(1'000'000 + i); };
    const auto write_some = [&](const std::vector<int>& numbers, const std::string& body) {
        Strings ids;
        for (const int i : numbers) ids.push_back(id_of(i));
        std::vector<DocumentWrite> writes(ids.size());
        for (std::size_t i = 0; i < ids.size(); ++i) {
            writes[i].id = ids[i];
            writes[i].body = body;
        }
        require(f.database->write(writes, WriteMode::overwrite, Atomicity::each));
    };
    std::vector<int> all(30'000), changed;
    for (int i = 0; i < 30'000; ++i) all[static_cast<std::size_t>(i)] = i;
    write_some(all, "{}");
    const std::string since = require(f.database->info()).sequence;
    for (int i = 0; i < 30'000; i += 11) changed.push_back(i);
    const std::string body = "{\"x\":\"" + std::string(2000, 'x') + "\"}";
    write_some(changed, body);

    const auto snapshot = require(f.database->snapshot());
    write_some({5}, body);  // not in that view
    const auto rows = changed_since(*snapshot, since);
    REQUIRE(rows.size() == changed.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        REQUIRE(rows[i].id == id_of(changed[i]));
        REQUIRE(rows[i].body == body);
        REQUIRE(rows[i].revision.substr(0, 2) == "2-");
    }
    const auto later = require(f.database->snapshot());
    CHECK(changed_since(*later, since).size() == changed.size() + 1);
}

TEST_CASE("a drop that was cut short is finished") {
    Files f;
    put(*f.database, {"a"});
    const fs::path file = f.file();
    require(connect(file)->execute("UPDATE state SET dropped = 1"));
    CHECK(error_of(f.database->get("a")).code == ErrorCode::not_found);
    CHECK(error_of(f.store->open("tests")).code == ErrorCode::not_found);
    CHECK_FALSE(fs::exists(file));
    CHECK(require(f.store->databases()).empty());
    require(f.store->create("tests"));
    CHECK(require(require(f.store->open("tests"))->info()).documents == 0);
}

TEST_CASE("what a creation left half done is removed, other files are not touched") {
    Files f;
    const std::string half = f.directory / "store/.new-0123456789abcdef";
    const std::string other = f.directory / "store/notes.txt";
    std::ofstream(half) << "half";
    std::ofstream(half + "-wal") << "half";
    std::ofstream(other) << "mine";
    f.reopen();
    CHECK_FALSE(fs::exists(half));
    CHECK_FALSE(fs::exists(half + "-wal"));
    CHECK(fs::exists(other));
    CHECK(require(f.store->databases()) == Strings{"tests"});
}

TEST_CASE("files that are none of ours are refused by name") {
    Files f;
    const fs::path file = f.file();
    const auto open = [&](const std::string& content) {
        const std::string path = f.directory / "store/other.01234567.db";
        std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
        const Error error = error_of(f.store->open("other"));
        CHECK(error.message.find("\"other\"") != std::string::npos);
        CHECK(error_of(f.store->create("other")).code == error.code);
        CHECK(fs::exists(path));
        return error.code;
    };
    CHECK(open(std::string(10'000, 'x')) == ErrorCode::corrupt);
    CHECK(open("") == ErrorCode::corrupt);

    require(connect(file)->execute("PRAGMA user_version = 99"));
    f.database.reset();
    f.store = require(open_embedded(f.directory / "store"));
    CHECK(error_of(f.store->open("tests")).code == ErrorCode::unsupported);
}

TEST_CASE("a file of layout 1 is brought up to date") {
    Files files;
    for (const char* id : {"a", "b"}) {
        Put peer{id};
        peer.body = R"({"type":"peer"})";
        put(*files.database, peer);
    }
    overwrite(*files.database, "c", "{}");
    {
        const auto old = connect(files.file());
        require(old->execute("DROP TABLE types; PRAGMA user_version = 1"));
    }
    files.reopen();
    const Strings types{"peer"};
    CHECK(require(require(files.database->snapshot())->count_by_types(types)) == 2U);
    Put gone{"a"};
    gone.deleted = true;
    put(*files.database, gone, WriteMode::overwrite);
    CHECK(require(require(files.database->snapshot())->count_by_types(types)) == 1U);
    CHECK(number(*connect(files.file()), "PRAGMA user_version") == embedded::schema_version);
}

TEST_CASE("broken pages are reported with the database's name") {
    Files f;
    for (int i = 0; i < 200; ++i)
        overwrite(*f.database, "doc" + std::to_string(i),
                  "{\"x\":\"" + std::string(200, 'y') + "\"}");
    const fs::path file = f.file();
    f.database.reset();
    f.store.reset();
    {
        std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
        for (std::uintmax_t at = 3 * 8192; at < fs::file_size(file); at += 8192) {
            stream.seekp(static_cast<std::streamoff>(at));
            stream << std::string(4000, '\xEE');
        }
    }
    f.store = require(open_embedded(f.directory / "store"));
    const auto database = f.store->open("tests");
    Error error;
    if (!database) {
        error = database.error();
    } else if (const auto document = (*database)->get("doc7"); !document) {
        error = document.error();
    }
    CHECK(error.code == ErrorCode::corrupt);
    CHECK(error.message.find("\"tests\"") != std::string::npos);
}

TEST_CASE("a lock that another one keeps is an error, not a hang") {
    davenport::test::TemporaryDirectory directory;
    EmbeddedOptions options;
    options.busy_timeout_ms = 20;
    const auto store = require(open_embedded(directory / "store", options));
    const auto database = require(store->open_or_create("tests"));
    put(*database, {"a"});
    const auto other = connect(database_files(directory / "store").at(0));
    require(other->execute("BEGIN IMMEDIATE"));
    DocumentWrite write;
    write.id = "b";
    const Error error =
        error_of(database->write({&write, 1}, WriteMode::overwrite, Atomicity::each));
    CHECK(error.code == ErrorCode::unavailable);
    CHECK(error.message.find("\"tests\"") != std::string::npos);
    CHECK(require(database->get("a")).id == "a");
    require(other->execute("COMMIT"));
    put(*database, {"b"});
}

TEST_CASE("the log does not grow without end") {
    Files f;
    const std::string filler(20'000, 'x');
    for (int round = 0; round < 60; ++round) {
        std::vector<Put> puts;
        for (int i = 0; i < 100; ++i)
            puts.push_back({"doc" + std::to_string(i),
                            "{\"n\":" + std::to_string(round) + ",\"x\":\"" + filler + "\"}"});
        write_all(*f.database, puts, WriteMode::overwrite);
    }
    // 120 MB were written.
    CHECK(fs::file_size(f.file().string() + "-wal") < 50'000'000);
}

TEST_CASE("more databases than are kept open") {
    Files f;
    std::vector<std::shared_ptr<Database>> held;
    for (int i = 0; i < 40; ++i) {
        const auto database = require(f.store->open_or_create("db" + std::to_string(i)));
        put(*database, {"a"});
        if (i % 10 == 0) held.push_back(database);
    }
    for (int i = 0; i < 40; ++i) put(*require(f.store->open("db" + std::to_string(i))), {"b"});
    for (const auto& database : held) CHECK(require(database->info()).documents == 2);
    CHECK(require(f.store->open("db0")).get() == held[0].get());
}
