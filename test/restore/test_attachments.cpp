#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "restore/fixture.hpp"

using namespace davenport;
using namespace davenport::test;

namespace {

std::string noise(std::size_t size, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    return bytes;
}

void back_up(documents::DocumentStore& store, vault::Vault& vault, const Clock& clock,
             std::string id) {
    replication::BackupOptions options;
    options.id = std::move(id);
    options.databases = {"things"};
    must(replication::back_up(store, vault, clock, options, {}));
}

}  // namespace

TEST_CASE("attachments go through backup and restore byte by byte") {
    auto engine = make_engine(GENERATE("memory", "embedded", "couchdb"));
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    auto things = must(engine.store->open("things"));
    put(*things, "a",
        PlainDocument{
            R"({"n":1})",
            {{"empty", ""}, {"one", "\xff"}, {"big", noise(3'000'000, 1)}, {"a/b \xc3\xbc", "x"}}});
    put(*things, "b",
        PlainDocument{"{}", {{"big again", noise(3'000'000, 1)}, {"other", noise(70'000, 2)}}});
    const auto before = contents(*things);
    back_up(*engine.store, *vault, clock, "first");
    CHECK(count_blobs(*vault, "attachments/") == 5);  // each content once

    put(*things, "a", PlainDocument{R"({"n":1})", {{"one", "changed"}}});
    erase(*things, "b");
    auto source = must(restore::from_vault(*vault, "first"));
    const auto foretold = must(restore::dry_run(*source, *engine.store, things_options(), {}));
    const auto report = must(restore::run(*source, *engine.store, things_options(), {}));
    CHECK(counts_text(report.databases.at(0)) ==
          "things: 1 created, 1 changed, 0 unchanged, 0 deleted, 0 skipped, 0 failed");
    CHECK(counts_text(foretold.databases.at(0)) == counts_text(report.databases[0]));
    CHECK(contents(*things) == before);

    const auto again = must(restore::run(*source, *engine.store, things_options(), {}));
    CHECK(again.databases.at(0).unchanged == 2);
    CHECK(must(restore::dry_run(*source, *engine.store, things_options(), {}))
              .databases.at(0)
              .unchanged == 2);

    auto other = make_engine("memory");
    must(restore::run(*source, *other.store, things_options(), {}));
    CHECK(contents(*other.store, "things") == before);
}

TEST_CASE("an attachment whose bytes changed in the vault is never restored as if it were sound",
          "[plain]") {
    auto engine = make_engine(GENERATE("memory", "embedded", "couchdb"));
    const CountingClock clock;
    auto vault = memory_vault(clock);
    must(engine.store->create("things"));
    const std::string bytes = noise(200'000, 3);
    put(*must(engine.store->open("things")), "a", PlainDocument{"{}", {{"file", bytes}}});
    put(*must(engine.store->open("things")), "b", "{}");
    back_up(*engine.store, *vault, clock, "first");

    const std::string name = "attachments/" + to_hex(as_bytes(sha256(bytes)));
    std::string broken = bytes;
    const bool shorter = GENERATE(true, false);
    if (shorter) {
        broken.pop_back();
    } else {
        broken[199'999] ^= 1;
    }
    must(vault->store().remove(name));
    must(blobs::write_all(vault->store(), name, broken));

    auto empty = make_engine(engine.name);
    auto source = must(restore::from_vault(*vault, "first"));
    const auto result = restore::run(*source, *empty.store, things_options(), {});
    if (result) {
        CHECK(result->failed() == 1);
        CHECK(result->failures.at(0).id == "a");
    } else {
        CHECK(result.error().code == ErrorCode::corrupt);
    }
    CHECK(contents(*empty.store, "things").count("a") == 0);
}
