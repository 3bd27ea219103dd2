#include "contract.hpp"
#include "documents/embedded/sqlite.hpp"
#include "support/temporary_directory.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <random>

// The embedded store between processes: several at once, and one that is killed.

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
namespace embedded = davenport::documents::embedded;
namespace fs = std::filesystem;

namespace {

// A child process that runs `work` and ends with what it returns. What it writes to `out` the
// parent reads from `output`.
class Child {
  public:
    explicit Child(const std::function<int(int out)>& work) {
        int ends[2];
        REQUIRE(::pipe(ends) == 0);
        pid_ = ::fork();
        REQUIRE(pid_ >= 0);
        if (pid_ == 0) {
            ::close(ends[0]);
            ::_exit(work(ends[1]));
        }
        ::close(ends[1]);
        output_ = ends[0];
    }
    ~Child() {
        if (pid_ > 0) kill();
        ::close(output_);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    void kill() {
        ::kill(pid_, SIGKILL);
        wait();
    }
    int wait() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
        }
        pid_ = -1;
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    // The next number the child reported; -1 at its end.
    int next() {
        std::int32_t number = -1;
        return ::read(output_, &number, sizeof number) == sizeof number ? number : -1;
    }

  private:
    pid_t pid_ = -1;
    int output_ = -1;
};

void report(int out, std::int32_t number) {
    if (::write(out, &number, sizeof number) != sizeof number) ::_exit(99);
}

Result<std::vector<WriteOutcome>> write_one(Database& database, const std::string& id,
                                            const std::string& body) {
    DocumentWrite write;
    write.id = id;
    write.body = body;
    return database.write({&write, 1}, WriteMode::overwrite, Atomicity::each);
}

void check_integrity(const fs::path& directory) {
    int databases = 0;
    for (const auto& entry : fs::directory_iterator(directory)) {
        if (entry.path().extension() != ".db") continue;
        ++databases;
        const auto connection = require(embedded::Connection::open(entry.path().string(), "check",
                                                                   embedded::Access::open, 1000));
        embedded::Statement check(*connection, "PRAGMA integrity_check");
        embedded::Rows rows = check.run();
        REQUIRE(require(rows.next()));
        CHECK(rows.bytes(0) == "ok");
        embedded::Statement counts(
            *connection,
            "SELECT (SELECT count(*) FROM docs WHERE NOT deleted) = documents "
            "AND (SELECT count(*) FROM docs WHERE deleted) = tombstones "
            "FROM state");
        embedded::Rows same = counts.run();
        REQUIRE(require(same.next()));
        CHECK(same.integer(0) == 1);
    }
    CHECK(databases == 1);
}

}  // namespace

TEST_CASE("two processes write to one database at once") {
    davenport::test::TemporaryDirectory directory;
    const std::string path = directory / "store";
    constexpr int each = 150;
    Child child([&](int) {
        const auto store = open_embedded(path);
        if (!store) return 1;
        const auto database = (*store)->open_or_create("tests");
        if (!database) return 2;
        for (int i = 0; i < each; ++i) {
            const auto outcome = write_one(**database, "child" + std::to_string(i), "{}");
            if (!outcome || outcome->front().error) return 3;
        }
        return 0;
    });
    const auto store = require(open_embedded(path));
    const auto database = require(store->open_or_create("tests"));
    for (int i = 0; i < each; ++i) overwrite(*database, "parent" + std::to_string(i), "{}");
    CHECK(child.wait() == 0);
    const DatabaseInfo info = require(database->info());
    CHECK(info.documents == 2 * each);
    CHECK(info.sequence == std::to_string(2 * each));
    CHECK(all_docs(*database).size() == 2 * each);
    CHECK(changes(*database).size() == 2 * each);
    check_integrity(path);
}

TEST_CASE("a change, a drop and a new creation by another process are seen") {
    davenport::test::TemporaryDirectory directory;
    const std::string path = directory / "store";
    const auto store = require(open_embedded(path));
    auto database = require(store->open_or_create("tests"));
    overwrite(*database, "a", "{}");
    const std::string sequence = require(database->info()).sequence;
    const auto in_child = [&](const std::function<bool(DocumentStore&)>& work) {
        Child child([&](int) {
            const auto other = open_embedded(path);
            return other && work(**other) ? 0 : 1;
        });
        return child.wait();
    };
    Child writer([&](int) {
        const auto other = open_embedded(path);
        if (!other) return 1;
        const auto opened = (*other)->open("tests");
        return opened && write_one(**opened, "b", "{}") ? 0 : 2;
    });
    CHECK(require(database->wait_for_change(sequence, 60'000)));
    CHECK(writer.wait() == 0);
    CHECK(require(database->get("b")).id == "b");

    REQUIRE(in_child([](DocumentStore& other) { return other.drop("tests").has_value(); }) == 0);
    CHECK(error_of(database->get("b")).code == ErrorCode::not_found);
    DocumentWrite write;
    write.id = "c";
    CHECK(error_of(database->write({&write, 1}, WriteMode::overwrite, Atomicity::each)).code ==
          ErrorCode::not_found);
    CHECK(error_of(database->wait_for_change("", 60'000)).code == ErrorCode::not_found);
    CHECK(error_of(store->open("tests")).code == ErrorCode::not_found);
    CHECK(require(store->databases()).empty());

    REQUIRE(in_child([](DocumentStore& other) {
                const auto made = other.open_or_create("tests");
                return made && write_one(**made, "new", "{}");
            }) == 0);
    CHECK(error_of(database->get("new")).code == ErrorCode::not_found);
    database.reset();
    database = require(store->open("tests"));
    CHECK(require(database->info()).documents == 1);
    overwrite(*database, "more", "{}");
    CHECK(in_child([](DocumentStore& other) {
              const auto opened = other.open("tests");
              return opened && (*opened)->get("more").has_value();
          }) == 0);
}

TEST_CASE("of two processes that create a database one succeeds") {
    davenport::test::TemporaryDirectory directory;
    const std::string path = directory / "store";
    for (int round = 0; round < 5; ++round) {
        const std::string name = "race" + std::to_string(round);
        const auto create = [&](int) {
            const auto store = open_embedded(path);
            if (!store) return 9;
            const auto created = (*store)->create(name);
            if (created) return 0;
            return created.error().code == ErrorCode::already_exists ? 1 : 9;
        };
        Child one(create);
        Child two(create);
        const int first = one.wait();
        const int second = two.wait();
        CHECK(std::min(first, second) == 0);
        CHECK(std::max(first, second) == 1);
    }
}

TEST_CASE("a killed process: every acknowledged document is there, and nothing is broken") {
    davenport::test::TemporaryDirectory directory;
    const std::string path = directory / "store";
    const std::uint32_t seed = random_seed();
    std::mt19937 random(seed);
    int written = 0;
    for (int round = 0; round < 12; ++round) {
        INFO("seed " << seed << " round " << round);
        Child child([&](int out) {
            const auto store = open_embedded(path);
            if (!store) return 1;
            const auto database = (*store)->open_or_create("tests");
            if (!database) return 2;
            for (std::int32_t i = written;; ++i) {
                // Several rows a transaction: a new document, one that changes, one with bytes.
                const std::string number = std::to_string(i);
                std::vector<DocumentWrite> writes(3);
                const std::string id = "doc" + number;
                const std::string body = "{\"n\":" + number + "}";
                writes[0].id = id;
                writes[1].id = "last";
                writes[2].id = "bytes";
                for (DocumentWrite& write : writes) write.body = body;
                writes[2].attachments.push_back(
                    bytes_of("x", std::string(i % 5 == 0 ? 400'000 : 100, 'x') + number));
                const auto outcomes =
                    (*database)->write(writes, WriteMode::overwrite, Atomicity::all);
                if (!outcomes || outcomes->front().error) return 3;
                report(out, i);
            }
        });
        int last = -1;
        for (unsigned i = 0, count = 1 + random() % 25; i < count; ++i) {
            last = child.next();
            REQUIRE(last >= 0);
        }
        child.kill();
        for (int more = child.next(); more >= 0; more = child.next()) last = more;

        const auto store = require(open_embedded(path));
        const auto database = require(store->open("tests"));
        for (int i = 0; i <= last; ++i)
            REQUIRE(require(database->get("doc" + std::to_string(i))).body ==
                    "{\"n\":" + std::to_string(i) + "}");
        // The write that was under way is there as a whole or not at all.
        const bool one_more = database->get("doc" + std::to_string(last + 1)).has_value();
        const std::string number = std::to_string(one_more ? last + 1 : last);
        CHECK(require(database->get("last")).body == "{\"n\":" + number + "}");
        CHECK(require(database->get("bytes")).body == "{\"n\":" + number + "}");
        CHECK(read_all(database->attachment("bytes", "", "x")).ends_with("x" + number));
        CHECK(require(database->info()).documents ==
              static_cast<std::uint64_t>(last + 1 + (one_more ? 1 : 0) + 2));
        check_integrity(path);
        written = last + 1 + (one_more ? 1 : 0);
    }
}

TEST_CASE("bytes that a killed process was taking in are swept; those of a living one are not") {
    davenport::test::TemporaryDirectory directory;
    const std::string path = directory / "store";
    require(require(open_embedded(path))->create("tests"));
    // Reports how many bytes it gave, and never ends.
    class Endless final : public ByteSource {
      public:
        explicit Endless(int out) : out_(out) {}
        Result<std::size_t> read(std::span<char> buffer) override {
            std::memset(buffer.data(), 'x', buffer.size());
            report(out_, static_cast<std::int32_t>(buffer.size()));
            return buffer.size();
        }

      private:
        int out_;
    };
    Child child([&](int out) {
        const auto store = open_embedded(path);
        if (!store) return 1;
        const auto database = (*store)->open("tests");
        if (!database) return 2;
        AttachmentWrite attachment;
        attachment.name = "x";
        attachment.source = std::make_shared<Endless>(out);
        DocumentWrite write;
        write.id = "a";
        write.attachments.push_back(attachment);
        return (*database)->write({&write, 1}, WriteMode::overwrite, Atomicity::each) ? 0 : 3;
    });
    for (int i = 0; i < 4; ++i) REQUIRE(child.next() > 0);
    const auto blobs = [&] {
        for (const auto& entry : fs::directory_iterator(path))
            if (entry.path().extension() == ".db") {
                const auto connection = require(embedded::Connection::open(
                    entry.path().string(), "check", embedded::Access::open, 1000));
                embedded::Statement count(*connection, "SELECT count(*) FROM blobs");
                embedded::Rows rows = count.run();
                require(rows.next());
                return rows.integer(0);
            }
        return std::int64_t{-1};
    };
    {
        const auto store = require(open_embedded(path));
        CHECK(require(require(store->open("tests"))->info()).documents == 0);
        CHECK(blobs() == 1);
    }
    child.kill();
    const auto store = require(open_embedded(path));
    CHECK(require(require(store->open("tests"))->info()).documents == 0);
    CHECK(blobs() == 0);
    check_integrity(path);
}

TEST_CASE("a full disk is reported, loses nothing, and ends") {
    davenport::test::TemporaryDirectory directory;
    const std::string path = directory / "store";
    const std::uint32_t seed = random_seed();
    const std::string filler(5000, 'x');
    for (const bool attachments : {false, true}) {
        fs::remove_all(path);
        Child child([&](int out) {
            // A file size limit acts like a full disk: writes beyond it fail.
            ::signal(SIGXFSZ, SIG_IGN);
            const rlimit limit{1'500'000 + seed % 8192, RLIM_INFINITY};
            if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
            const auto store = open_embedded(path);
            if (!store) return 2;
            const auto database = (*store)->open_or_create("tests");
            if (!database) return 3;
            for (std::int32_t i = 0; i < 10'000; ++i) {
                const std::string id = "doc" + std::to_string(i);
                const std::string body = "{\"x\":\"" + filler + "\"}";
                DocumentWrite write;
                write.id = id;
                write.body = body;
                if (attachments)
                    write.attachments.push_back(bytes_of("x", std::string(300'000, 'x') + id));
                const auto outcomes =
                    (*database)->write({&write, 1}, WriteMode::overwrite, Atomicity::each);
                const bool failed = !outcomes || outcomes->front().error;
                if (!failed) {
                    report(out, i);
                    continue;
                }
                const Error& error = outcomes ? *outcomes->front().error : outcomes.error();
                if (error.code != ErrorCode::no_space) return 4;
                if (error.message.find("\"tests\"") == std::string::npos) return 5;
                // What was written stays readable.
                return i == 0 || (*database)->get("doc0") ? 0 : 6;
            }
            return 7;
        });
        int last = -1;
        for (int next = child.next(); next >= 0; next = child.next()) last = next;
        CHECK(child.wait() == 0);
        CHECK(last >= 0);
        const auto store = require(open_embedded(path));
        const auto database = require(store->open("tests"));
        CHECK(require(database->info()).documents == static_cast<std::uint64_t>(last + 1));
        overwrite(*database, "after", "{}");
        check_integrity(path);
    }
}
