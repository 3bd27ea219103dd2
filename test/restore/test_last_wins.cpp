#include "restore/fixture.hpp"

using namespace davenport;
using namespace davenport::test;

namespace {

struct World {
    PlainDatabase existing;
    std::vector<Given> given;
    std::set<std::string, std::less<>> skip;
    restore::Mode mode = restore::Mode::overlay;
};

World random_world(std::mt19937& random) {
    World world;
    const auto id = [&] { return fmt::format("id-{}", random() % 12); };
    const auto body = [&] {
        static const std::vector<std::string> types = {"peer", "session_athena"};
        return fmt::format(R"({{"type":"{}","n":{}}})", types[random() % 8 == 0], random() % 3);
    };
    for (unsigned i = 0; i < random() % 12; ++i) world.existing[id()] = PlainDocument{body(), {}};
    for (auto& [name, document] : world.existing) {
        if (random() % 3 == 0) document.attachments["file"] = fmt::format("{}", random() % 2);
    }
    const unsigned length = random() % 25;
    for (unsigned i = 0; i < length; ++i) {
        Given given{id(), body()};
        given.deleted = random() % 6 == 0;
        if (given.deleted) given.body = "{}";
        if (!given.deleted && random() % 3 == 0)
            given.attachments["file"] = fmt::format("{}", random() % 2);
        if (!given.deleted && random() % 10 == 0) given.stubs = {"kept"};
        if (!given.deleted && given.attachments.empty() && random() % 6 == 0)
            given.stubs = {"file"};
        world.given.push_back(std::move(given));
    }
    for (unsigned i = 0; i < random() % 3; ++i) world.skip.insert(id());
    world.mode = random() % 2 == 0 ? restore::Mode::exact : restore::Mode::overlay;
    return world;
}

void fill(documents::DocumentStore& store, const World& world) {
    must(store.create("things"));
    auto things = must(store.open("things"));
    put(*things, "id-0", "{}");
    erase(*things, "id-0");  // a tombstone in the way
    for (const auto& [id, document] : world.existing) put(*things, id, document);
}

// What the rules say, in the plainest way.
PlainDatabase expected(const World& world, restore::DatabaseCounts& counts) {
    std::map<std::string, const Given*> last;
    for (const Given& given : world.given) last[given.id] = &given;
    PlainDatabase result = world.existing;
    for (const auto& [id, given] : last) {
        const auto existing = world.existing.find(id);
        const bool exists = existing != world.existing.end();
        if (world.skip.contains(id)) {
            ++counts.skipped;
            continue;
        }
        if (given->deleted) {
            ++(exists ? counts.deleted : counts.unchanged);
            result.erase(id);
            continue;
        }
        PlainDocument document{given->body, given->attachments};
        bool failed = false;
        for (const std::string& stub : given->stubs) {
            if (exists && existing->second.attachments.count(stub) > 0) {
                document.attachments[stub] = existing->second.attachments.at(stub);
            } else {
                failed = true;
            }
        }
        if (failed) {
            ++counts.failed;
            continue;
        }
        ++(!exists                        ? counts.created
           : existing->second == document ? counts.unchanged
                                          : counts.changed);
        result[id] = document;
    }
    if (world.mode == restore::Mode::exact) {
        for (const auto& [id, document] : world.existing) {
            if (last.count(id) > 0 || world.skip.contains(id) ||
                type_in(document.body) == "session_athena")
                continue;
            ++counts.deleted;
            result.erase(id);
        }
    }
    return result;
}

}  // namespace

TEST_CASE(
    "random arrays: the last doc wins wherever batches are cut, and a dry run counts the same") {
    const Seed seed;
    INFO("seed " << seed.value());
    std::mt19937 random(seed.value());
    const std::string engine_name = GENERATE("memory", "embedded", "couchdb");
    INFO(engine_name);
    const int rounds = engine_name == "memory" ? 150 : 40;
    for (int round = 0; round < rounds; ++round) {
        const World world = random_world(random);
        restore::DatabaseCounts model;
        model.database = "things";
        const PlainDatabase after = expected(world, model);

        for (std::size_t batch = 1; batch <= 5; ++batch) {
            auto engine = make_engine(engine_name);
            fill(*engine.store, world);
            GivenSource source;
            source.add("things", world.given);
            auto options = things_options();
            options.mode = world.mode;
            options.batch_documents = batch;
            options.skip["things"] = world.skip;
            options.skipped_types = {"session_athena"};

            const auto foretold = must(restore::dry_run(source, *engine.store, options, {}));
            REQUIRE(contents(*engine.store, "things") == world.existing);
            const auto report = must(restore::run(source, *engine.store, options, {}));
            REQUIRE(contents(*engine.store, "things") == after);
            REQUIRE(report.databases.size() == 1);
            REQUIRE(counts_text(report.databases[0]) == counts_text(model));
            REQUIRE(counts_text(foretold.databases.at(0)) == counts_text(model));
            REQUIRE(report.failed() == model.failed);
            REQUIRE(report.failures.size() == model.failed);

            // Nothing is left to do: only what failed fails again, what was deleted stays deleted.
            const auto again = must(restore::run(source, *engine.store, options, {}));
            REQUIRE(again.databases[0].created + again.databases[0].changed +
                        again.databases[0].deleted ==
                    0);
            REQUIRE(contents(*engine.store, "things") == after);
        }
    }
}

TEST_CASE("many repeated ids far apart") {
    auto engine = make_engine("embedded");
    GivenSource source;
    std::vector<Given> given;
    for (int i = 0; i < 30'000; ++i) {
        given.push_back(
            {fmt::format("id-{}", (i * 7'919) % 10'000), fmt::format(R"({{"n":{}}})", i)});
    }
    source.add("things", given);
    const auto report = must(restore::run(source, *engine.store, things_options(), {}));
    CHECK(report.databases[0].created == 10'000);
    CHECK(report.databases[0].changed == 0);
    const auto stored = contents(*engine.store, "things");
    REQUIRE(stored.size() == 10'000);
    for (int i = 20'000; i < 30'000; ++i) {
        REQUIRE(stored.at(given[i].id).body == given[i].body);
    }
}
