#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/drills/drill.hpp"
#include "davenport/drills/scratch.hpp"
#include "replication/leaves.hpp"
#include "support/forwarding_store.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

using namespace davenport;
using namespace davenport::test;

namespace {

// A backup of two databases in a vault of files, and a scratch store of the wanted kind.
struct Setting {
    TemporaryDirectory directory;
    CountingClock clock;
    std::unique_ptr<vault::Vault> vault;
    std::unique_ptr<documents::DocumentStore> store = documents::make_memory();
    std::shared_ptr<documents::Database> things, others;

    explicit Setting(documents::Revisions revisions = documents::Revisions::winners) {
        vault = must(vault::Vault::open(must(blobs::open_directory(directory / "vault")), clock));
        things = must(store->open_or_create("things"));
        others = must(store->open_or_create("others"));
        if (revisions == documents::Revisions::leaves) {
            fill_with_leaves(*things);
        } else {
            for (int i = 0; i < 300; ++i)
                put(*things, fmt::format("thing-{:03}", i),
                    PlainDocument{
                        fmt::format(R"({{"n":{},"text":"{}"}})", i, std::string(200, 'x')), {}});
            put(*things, "with",
                PlainDocument{R"({"settings":"00"})", {{"a", "first bytes"}, {"b", "second"}}});
            put(*things, "_design/views", PlainDocument{R"({"views":{}})", {}});
        }
        put(*others, "settings",
            PlainDocument{R"({"url_safe_list":["kept as it is"]})", {{"a", "elsewhere"}}});
        must(things->set_security(R"({"admins":{"names":["me"]}})"));
        replication::BackupOptions options;
        options.id = "backup";
        options.databases = {"things", "others"};
        options.revisions = revisions;
        must(replication::back_up(*store, *vault, clock, options, {}));
    }

    drills::Findings drill(documents::DocumentStore& scratch) {
        return must(drills::run(*vault, "backup", scratch, {}));
    }
    std::vector<std::string> blobs(const std::string& prefix) const {
        std::vector<std::string> names;
        for (const auto& blob : must(vault->store().list(prefix))) names.push_back(blob.name);
        return names;
    }
    std::string path(const std::string& blob) const { return directory / "vault/" + blob; }
};

std::string text_of(const drills::Findings& findings) {
    std::string text;
    for (const auto& reason : findings.reasons) text += reason + "\n";
    for (const auto& one : findings.named)
        text += one.database + "/" + one.id + ": " + one.reason + "\n";
    return text;
}

bool mentions(const drills::Findings& findings, std::string_view what) {
    return text_of(findings).find(what) != std::string::npos;
}

void flip_byte(const std::string& path, std::uint64_t offset) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get() ^ 1);
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(byte);
    REQUIRE(file.good());
}

documents::DocumentWrite overwrite(std::string_view id, std::string_view body) {
    documents::DocumentWrite write;
    write.id = id;
    write.body = body;
    return write;
}

// Writes what it is told, then does something behind the writer's back.
class Meddling final : public documents::DocumentStore {
  public:
    using Deed = std::function<void(documents::Database&)>;
    Meddling(documents::DocumentStore& inner, std::string database, Deed deed)
        : inner_(inner), database_(std::move(database)), deed_(std::move(deed)) {}

    Result<std::vector<std::string>> databases() override { return inner_.databases(); }
    Result<> create(std::string_view name) override { return inner_.create(name); }
    Result<> drop(std::string_view name) override { return inner_.drop(name); }
    // The restore opens a database once, the comparison after it.
    Result<std::shared_ptr<documents::Database>> open(std::string_view name) override {
        auto opened = inner_.open(name);
        if (opened && name == database_ && ++opened_ == 2) deed_(**opened);
        return opened;
    }

  private:
    documents::DocumentStore& inner_;
    std::string database_;
    Deed deed_;
    int opened_ = 0;
};

// One whose answers a test changes.
class Lying final : public ForwardingDatabase {
  public:
    using ForwardingDatabase::ForwardingDatabase;
    std::function<void(documents::DatabaseInfo&)> about_itself = [](auto&) {};
    std::function<void(documents::Document&)> of_leaves = [](auto&) {};
    std::string refused;  // the document that can't be written

    Result<documents::DatabaseInfo> info() override {
        auto told = inner_->info();
        if (told) about_itself(*told);
        return told;
    }
    Result<std::vector<documents::Document>> leaves(std::string_view id, bool history) override {
        auto found = inner_->leaves(id, history);
        if (found) std::for_each(found->begin(), found->end(), of_leaves);
        return found;
    }
    Result<std::vector<documents::WriteOutcome>> write(
        std::span<const documents::DocumentWrite> documents, documents::WriteMode mode,
        documents::Atomicity atomicity) override {
        const auto found =
            std::find_if(documents.begin(), documents.end(),
                         [&](const documents::DocumentWrite& one) { return one.id == refused; });
        if (found == documents.end()) return inner_->write(documents, mode, atomicity);
        std::vector<documents::DocumentWrite> others(documents.begin(), documents.end());
        others.erase(others.begin() + (found - documents.begin()));
        auto outcomes = inner_->write(others, mode, atomicity);
        documents::WriteOutcome outcome;
        outcome.error = Error{ErrorCode::io, "it can't be written", {}};
        if (outcomes) outcomes->insert(outcomes->begin() + (found - documents.begin()), outcome);
        return outcomes;
    }
};

// A drill into databases of which "things" is one of those, set up by the test.
drills::Findings drill_into(Setting& setting, const std::function<void(Lying&)>& set_up) {
    const auto inner = documents::make_memory();
    WrappingStore store(*inner, [&](std::shared_ptr<documents::Database> database) {
        const bool things = database->name() == "things";
        const auto lying = std::make_shared<Lying>(std::move(database));
        if (things) set_up(*lying);
        return lying;
    });
    return setting.drill(store);
}

}  // namespace

TEST_CASE("a good backup is recoverable in every kind of scratch database") {
    Setting setting;
    Engine engine = make_engine(GENERATE("memory", "embedded", "couchdb"));
    INFO(engine.name);
    const auto scratch = drills::with_prefix(*engine.store, "davenport_drill_0123456789abcdef_1_");
    const drills::Findings findings = setting.drill(*scratch);
    CHECK(text_of(findings) == "");
    CHECK(findings.recoverable());
    CHECK_FALSE(findings.leaves);
    REQUIRE(findings.databases.size() == 2);
    CHECK(findings.databases[0].compared == 302);
    CHECK(findings.databases[0].attachments == 2);
    CHECK(findings.databases[1].compared == 1);
    // What was restored stands under other names, and nothing else was touched.
    CHECK(must(engine.store->databases()) ==
          std::vector<std::string>{"davenport_drill_0123456789abcdef_1_others",
                                   "davenport_drill_0123456789abcdef_1_things"});
    must(drills::drop_scratch(*engine.store, "drill_0123456789abcdef", 1));
    CHECK(must(engine.store->databases()).empty());
}

TEST_CASE("a drill asks who vouches for the manifest") {
    Setting setting;
    const auto key = std::make_shared<const SigningKey>(SigningKey::generate());
    const auto open = [&](vault::Signing signing) {
        return must(vault::Vault::open(must(blobs::open_directory(setting.directory / "vault")),
                                       setting.clock, {}, std::move(signing)));
    };
    const vault::Signing signing{key, {key->public_key()}};
    replication::BackupOptions options;
    options.databases = {"things", "others"};
    for (const std::string id : {"second", "third"}) {
        options.id = id;
        must(replication::back_up(*setting.store, *open(signing), setting.clock, options, {}));
    }
    const auto drill = [&](const vault::Vault& vault, std::string_view id) {
        return must(drills::run(vault, id, *documents::make_memory(), {}));
    };
    CHECK(drill(*open(signing), "third").recoverable());
    CHECK(drill(*open(signing), "third").manifest == drills::Trust::vouched_for);
    // From before there was a key.
    CHECK(drill(*open(signing), "backup").manifest == drills::Trust::doubted);

    // Nothing listed, nothing that could differ.
    auto manifest = must(setting.vault->manifest("third"));
    manifest.databases.clear();
    std::ofstream(setting.path("manifests/third"), std::ios::trunc) << encode(manifest, nullptr);
    const drills::Findings stripped = drill(*open(signing), "third");
    CHECK_FALSE(stripped.recoverable());
    CHECK(stripped.manifest == drills::Trust::doubted);
    CHECK(mentions(stripped, "is not to be trusted: its manifest is not signed"));
    CHECK(drill(*open(signing), "second").recoverable());

    // A new machine with a key of its own can only go by the data, and says so.
    const auto other = std::make_shared<const SigningKey>(SigningKey::generate());
    const drills::Findings elsewhere = drill(*open({other, {other->public_key()}}), "second");
    CHECK(text_of(elsewhere) == "");
    CHECK(elsewhere.manifest == drills::Trust::not_judged);
}

TEST_CASE("with exact histories every leaf and tombstone is compared") {
    Setting setting(documents::Revisions::leaves);
    Engine engine = make_engine(GENERATE("memory", "embedded", "couchdb"));
    INFO(engine.name);
    const drills::Findings findings = setting.drill(*engine.store);
    CHECK(text_of(findings) == "");
    CHECK(findings.leaves);
    CHECK(findings.databases.at(0).leaves == 4);  // three of the conflict, one tombstone

    SECTION("a leaf that is not as it was is seen") {
        Engine other = make_engine("memory");
        Meddling meddling(*other.store, "things", [](documents::Database& database) {
            graft(database, "conflict", {{"3-xx", "2-bb", "1-aa"}, true, "{}", {}});
        });
        const drills::Findings found = setting.drill(meddling);
        CHECK_FALSE(found.recoverable());
        CHECK(mentions(found, "things/conflict: it has 4 leaves instead of 3"));
    }
    SECTION("so is a revision that is not as it was") {
        Engine other = make_engine("memory");
        Meddling meddling(*other.store, "things", [](documents::Database& database) {
            graft(database, "plain", {{"2-bb", "1-aa"}, false, R"({"n":1})", {}});
        });
        const drills::Findings found = setting.drill(meddling);
        CHECK_FALSE(found.recoverable());
        CHECK(mentions(found, "things/plain: its revision is 2-bb"));
    }
    SECTION("so are the history and the contents of a leaf that is not the winner") {
        const drills::Findings history = drill_into(setting, [](Lying& things) {
            things.of_leaves = [](documents::Document& leaf) {
                if (leaf.revision == "3-cc") leaf.history.back() = "1-bb";
            };
        });
        CHECK_FALSE(history.recoverable());
        CHECK(mentions(history, "things/conflict: its leaf 3-cc has another history"));
        const drills::Findings body = drill_into(setting, [](Lying& things) {
            things.of_leaves = [](documents::Document& leaf) {
                if (leaf.revision == "3-cc") leaf.body = R"({"n":"x"})";
            };
        });
        CHECK_FALSE(body.recoverable());
        CHECK(mentions(body, "things/conflict: its leaf 3-cc: its body is another one"));
    }
}

TEST_CASE("a database that counts other documents than were restored is told") {
    Setting setting;
    const drills::Findings findings = drill_into(setting, [](Lying& things) {
        things.about_itself = [](documents::DatabaseInfo& info) { ++info.documents; };
    });
    CHECK_FALSE(findings.recoverable());
    CHECK(mentions(findings, "302 documents were restored and 303 are counted"));
}

TEST_CASE("what the restore could not write is told as its failure") {
    Setting setting;
    const drills::Findings findings =
        drill_into(setting, [](Lying& things) { things.refused = "thing-007"; });
    INFO(text_of(findings));
    CHECK_FALSE(findings.recoverable());
    CHECK(mentions(findings, "restoring database things: "));
}

TEST_CASE("damaged bytes of a segment make a backup not recoverable and name documents") {
    Setting setting;
    const auto segments = setting.blobs("segments/");
    REQUIRE(segments.size() == 2);
    std::string large = segments[0];
    for (const std::string& name : segments)
        if (std::filesystem::file_size(setting.path(name)) >
            std::filesystem::file_size(setting.path(large)))
            large = name;
    flip_byte(setting.path(large), std::filesystem::file_size(setting.path(large)) / 3);
    const auto scratch = documents::make_memory();
    const drills::Findings findings = setting.drill(*scratch);
    INFO(text_of(findings));
    CHECK_FALSE(findings.recoverable());
    CHECK(mentions(findings, "the documents from '_design/views' to 'with' are damaged"));
    CHECK(mentions(findings, large));
    CHECK(mentions(findings, "verify: things, "));
    // The other database is drilled all the same.
    REQUIRE(findings.databases.size() == 2);
    CHECK(findings.databases[1].compared == 1);
    CHECK(findings.databases[1].differences == 0);
}

TEST_CASE("a missing or changed attachment makes a backup not recoverable and names its document") {
    Setting setting;
    const std::string blob = "attachments/" + to_hex(as_bytes(sha256("second")));
    const auto stored = setting.blobs("attachments/");
    const auto found = std::find_if(stored.begin(), stored.end(), [&](const std::string& name) {
        return name.ends_with(to_hex(as_bytes(sha256("second"))));
    });
    REQUIRE(found != stored.end());
    if (GENERATE(true, false))
        std::filesystem::remove(setting.path(*found));
    else
        flip_byte(setting.path(*found), 0);
    Engine engine = make_engine(GENERATE("memory", "embedded"));
    const drills::Findings findings = setting.drill(*engine.store);
    INFO(text_of(findings));
    CHECK_FALSE(findings.recoverable());
    CHECK(mentions(findings, "things/with: "));
    CHECK(findings.databases.at(1).differences == 0);
}

TEST_CASE("what the restore did not see is seen by the comparison") {
    struct Case {
        const char* expected;
        Meddling::Deed deed;
    };
    const auto write_over = [](documents::Database& database, documents::DocumentWrite write) {
        const auto outcomes = must(database.write({&write, 1}, documents::WriteMode::overwrite,
                                                  documents::Atomicity::each));
        REQUIRE_FALSE(outcomes.at(0).error);
    };
    const std::vector<Case> cases{
        {"things/thing-007: its body is another one",
         [&](auto& database) { write_over(database, overwrite("thing-007", R"({"n":8})")); }},
        {"things/thing-299: it is missing",
         [&](auto& database) {
             auto write = overwrite("thing-299", "{}");
             write.deleted = true;
             write_over(database, std::move(write));
         }},
        {"things/zzz: it is in the restored database and not in the backup",
         [&](auto& database) { write_over(database, overwrite("zzz", "{}")); }},
        {"things/with: its attachment \"b\" is missing",
         [&](auto& database) {
             auto write = overwrite("with", R"({"settings":"00"})");
             write.attachments.push_back({"a", "application/octet-stream",
                                          documents::source_of("first bytes"), false, "", 0});
             write_over(database, std::move(write));
         }},
        {"things/with: its attachment \"b\" has other bytes",
         [&](auto& database) {
             auto write = overwrite("with", R"({"settings":"00"})");
             for (const char* name : {"a", "b"}) {
                 const auto type = must(database.get("with")).attachments.front().content_type;
                 write.attachments.push_back(
                     {name, type, documents::source_of("first bytes"), false, "", 0});
             }
             write_over(database, std::move(write));
         }},
        {"things/with: its attachment \"b\" has other bytes",
         [](auto& database) {
             put(database, "with",
                 PlainDocument{R"({"settings":"00"})", {{"a", "first bytes"}, {"b", "SECOND"}}});
         }},
        {"things/with: it has an attachment \"c\" too many",
         [](auto& database) {
             put(database, "with",
                 PlainDocument{R"({"settings":"00"})",
                               {{"a", "first bytes"}, {"b", "second"}, {"c", "third"}}});
         }},
        {"things/with: its attachment \"a\" has the content type \"text/plain\"",
         [&](auto& database) {
             auto write = overwrite("with", R"({"settings":"00"})");
             write.attachments.push_back(
                 {"a", "text/plain", documents::source_of("first bytes"), false, "", 0});
             write_over(database, std::move(write));
         }},
        {"things/: _security is another one",
         [](auto& database) { must(database.set_security("{}")); }},
    };
    const Case& one = cases.at(GENERATE(range(0, 9)));
    Setting setting;
    const auto inner = documents::make_memory();
    Meddling meddling(*inner, "things", one.deed);
    const drills::Findings findings = setting.drill(meddling);
    INFO(text_of(findings));
    CHECK_FALSE(findings.recoverable());
    CHECK(mentions(findings, one.expected));
}

TEST_CASE("a whole database that is lost is counted in full and named in part") {
    Setting setting;
    const auto inner = documents::make_memory();
    Meddling meddling(*inner, "things", [](documents::Database& database) {
        for (int i = 0; i < 300; ++i) {
            const std::string id = fmt::format("thing-{:03}", i);
            auto write = overwrite(id, "{}");
            write.deleted = true;
            must(database.write({&write, 1}, documents::WriteMode::overwrite,
                                documents::Atomicity::each));
        }
    });
    const drills::Findings findings = setting.drill(meddling);
    CHECK(findings.differences == 301);  // and the count
    CHECK(findings.named.size() == drills::max_named_differences);
}

TEST_CASE("a drill that is stopped says so, and never that all is well") {
    Setting setting;
    const auto scratch = documents::make_memory();
    const auto ending = GENERATE(ErrorCode::cancelled, ErrorCode::no_space);
    const int at = GENERATE(1, 3, 5);
    int calls = 0;
    const auto findings =
        drills::run(*setting.vault, "backup", *scratch, [&](const drills::Progress&) -> Result<> {
            if (++calls < at) return {};
            return fail(Error{ending, "it ends here", {}});
        });
    REQUIRE(calls >= at);
    if (ending == ErrorCode::cancelled) {
        REQUIRE_FALSE(findings);
        CHECK(findings.error().code == ErrorCode::cancelled);
    } else {
        REQUIRE(findings);
        CHECK_FALSE(findings->recoverable());
        CHECK(mentions(*findings, "it ends here"));
    }
}

TEST_CASE("a drill that looks for the damage it has found stops, too") {
    Setting setting;
    std::filesystem::remove(setting.path(setting.blobs("attachments/").front()));
    const auto scratch = documents::make_memory();
    std::optional<drills::Progress> last;
    const auto drilled = drills::run(
        *setting.vault, "backup", *scratch, [&](const drills::Progress& now) -> Result<> {
            // What is looked for brings the drill no further.
            const bool looking = last && now.step == drills::Progress::Step::comparing &&
                                 now.done == last->done && now.bytes == last->bytes;
            last = now;
            if (looking) return fail(ErrorCode::cancelled, "the service is stopping");
            return {};
        });
    REQUIRE_FALSE(drilled);
    CHECK(drilled.error().code == ErrorCode::cancelled);
}

TEST_CASE("a backup that is not there or has a damaged manifest is not recoverable") {
    Setting setting;
    const auto scratch = documents::make_memory();
    const auto unknown = must(drills::run(*setting.vault, "other", *scratch, {}));
    CHECK_FALSE(unknown.recoverable());
    flip_byte(setting.path("manifests/backup"), 40);
    const auto reopened = must(vault::Vault::open(
        must(blobs::open_directory(setting.directory / "vault")), setting.clock));
    const auto damaged = must(drills::run(*reopened, "backup", *scratch, {}));
    INFO(text_of(damaged));
    CHECK_FALSE(damaged.recoverable());
}
