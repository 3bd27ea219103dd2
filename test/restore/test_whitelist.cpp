#include "restore/fixture.hpp"
#include "support/forwarding_store.hpp"

using namespace davenport;
using namespace davenport::test;

namespace {

constexpr const char* settings_id = "00_settings_athena";

struct Console {
    Engine engine;
    std::shared_ptr<documents::Database> components, system;

    explicit Console(const std::string& name) : engine(make_engine(name)) {
        must(engine.store->create("athena_components"));
        must(engine.store->create("athena_system"));
        components = must(engine.store->open("athena_components"));
        system = must(engine.store->open("athena_system"));
    }
    bool rebuild(std::string_view deployer = "") {
        return must(restore::rebuild_whitelist(*engine.store, {}, deployer));
    }
    std::string settings() { return must(system->get(settings_id)).body; }
    std::string revision() { return must(system->get(settings_id)).revision; }
};

}  // namespace

TEST_CASE("the whitelist is what components, signature collections and the deployer say") {
    Console console(GENERATE("memory", "embedded", "couchdb"));
    put(*console.system, settings_id,
        R"({"type":"settings", "first":1.50,"url_safe_list":["http://stale:1"],"deployer_url":"https://Deployer/x","last":{}})");
    put(*console.components, "peer",
        R"({"type":"fabric-peer","api_url":"grpcs://Peer:7051","grpcwp_url":"https://peer:8443/a","operations_url":"https://peer:9443"})");
    put(*console.components, "peer2",
        R"({"type":"fabric-peer","api_url":"grpcs://peer:7051","api_url_saas":"http://saas","operations_url_saas":"https://saas2:1","osnadmin_url_saas":"https://saas3"})");
    put(*console.components, "ca",
        R"({"type":"fabric-ca","ca_url":"https://ca.example:7054","other_url":"https://not-this"})");
    put(*console.components, "orderer",
        R"({"osnadmin_url":"https://orderer:7443","nested":{"api_url":"https://not-this-either"}})");
    put(*console.components, "odd", R"({"api_url":"no url","ca_url":17,"operations_url":null})");
    put(*console.components, "escaped", R"({"api\u005furl":"https:\/\/escaped"})");
    put(*console.components, "collection",
        R"({"type":"signature_collection","orgs2sign":[{"peers":["https://p1:1/x",{"url":"https://p2:2"},7,null]},null,{"peers":"x"},{"peers":["https://p1:1"]}]})");
    put(*console.components, "lookalike",
        R"({"type":"other","orgs2sign":[{"peers":["https://not-a-collection:1"]}],"x_url":1})");
    for (int i = 0; i < 1'200; ++i)
        put(*console.components, fmt::format("zz-{:04}", i), R"({"type":"x"})");
    put(*console.components, "zz-last", R"({"api_url":"https://the-last-of-many:1"})");

    REQUIRE(console.rebuild());
    CHECK(same_body(
        console.engine, console.settings(),
        R"({"type":"settings", "first":1.50,"url_safe_list":["grpcs://peer:7051","http://saas:80","https://ca.example:7054","https://deployer:443","https://escaped:443","https://orderer:7443","https://p1:1","https://p2:2","https://peer:8443","https://peer:9443","https://saas2:1","https://saas3:443","https://the-last-of-many:1"],"deployer_url":"https://Deployer/x","last":{}})"));

    const std::string revision = console.revision();
    CHECK_FALSE(console.rebuild());
    CHECK(console.revision() == revision);

    // The configuration's deployer comes before the settings' own.
    REQUIRE(console.rebuild("http://configured:8080"));
    CHECK(console.settings().find("http://configured:8080") != std::string::npos);
    CHECK(console.settings().find("https://deployer:443") == std::string::npos);
}

TEST_CASE("settings without a list get one, and keep their attachments") {
    Console console(GENERATE("memory", "embedded", "couchdb"));
    put(*console.system, settings_id, PlainDocument{R"({"type":"settings"})", {{"logo", "bytes"}}});
    put(*console.components, "peer", R"({"api_url":"https://peer:1"})");
    REQUIRE(console.rebuild());
    const auto after = contents(*console.system).at(settings_id);
    CHECK(after == PlainDocument{R"({"type":"settings","url_safe_list":["https://peer:1"]})",
                                 {{"logo", "bytes"}}});
}

TEST_CASE("without a system database or settings there is no list to rebuild") {
    auto engine = make_engine("memory");
    CHECK_FALSE(must(restore::rebuild_whitelist(*engine.store, {}, "http://x")));
    must(engine.store->create("athena_system"));
    CHECK_FALSE(must(restore::rebuild_whitelist(*engine.store, {}, "http://x")));
    // A missing components database has no components.
    put(*must(engine.store->open("athena_system")), settings_id,
        R"({"url_safe_list":["http://stale:1"]})");
    CHECK(must(restore::rebuild_whitelist(*engine.store, {}, "http://x")));
    CHECK(contents(*engine.store, "athena_system").at(settings_id).body ==
          R"({"url_safe_list":["http://x:80"]})");
}

TEST_CASE("a deep or strangely spelled component does not stop the rebuild") {
    Console console("memory");
    put(*console.system, settings_id, "{}");
    std::string deep;
    for (int i = 0; i < 50; ++i) deep += "[";
    for (int i = 0; i < 50; ++i) deep += "]";
    put(*console.components, "deep",
        R"({"a":)" + deep + R"(,"n":123456789012345678901234567890,"api_url":"https://deep:1"})");
    REQUIRE(console.rebuild());
    CHECK(console.settings() == R"({"url_safe_list":["https://deep:1"]})");
}

namespace {

// Another writer is always a moment faster, for some time.
class Contended final : public ForwardingDatabase {
  public:
    Contended(std::shared_ptr<documents::Database> inner, int& edits)
        : ForwardingDatabase(std::move(inner)), edits_(edits) {}
    Result<std::vector<documents::WriteOutcome>> write(
        std::span<const documents::DocumentWrite> documents, documents::WriteMode mode,
        documents::Atomicity atomicity) override {
        if (edits_ > 0)
            put(*inner_, settings_id, fmt::format(R"({{"edit":{},"url_safe_list":[]}})", edits_--));
        return inner_->write(documents, mode, atomicity);
    }

  private:
    int& edits_;
};

}  // namespace

TEST_CASE("an edit at the same time is not lost") {
    Console console("memory");
    put(*console.system, settings_id, "{}");
    int edits = 3;
    WrappingStore contended(*console.engine.store, [&](std::shared_ptr<documents::Database> inner) {
        return std::make_shared<Contended>(std::move(inner), edits);
    });
    REQUIRE(must(restore::rebuild_whitelist(contended, {}, "http://x")));
    CHECK(console.settings() == R"({"edit":1,"url_safe_list":["http://x:80"]})");
}

TEST_CASE("a restore whose whitelist fails is not a success") {
    Console console("memory");
    put(*console.system, settings_id, "{}");
    int edits = 1'000'000;
    WrappingStore contended(*console.engine.store, [&](std::shared_ptr<documents::Database> inner) {
        return std::make_shared<Contended>(std::move(inner), edits);
    });
    GivenSource source;
    source.add("athena_components", {{"peer", R"({"api_url":"https://peer:1"})"}});
    const auto report = must(restore::run(source, contended, things_options(), {}));
    CHECK(report.failed() == 1);
    CHECK(report.databases.at(0).created == 1);
    CHECK(report.summary().find("whitelist") != std::string::npos);
}

TEST_CASE("a restore rebuilds the list from what it restored") {
    Console console(GENERATE("memory", "embedded", "couchdb"));
    GivenSource source;
    source.add("DB_COMPONENTS", {{"peer", R"({"api_url":"https://peer:1"})"}});
    source.add("DB_SYSTEM", {{settings_id, R"({"type":"settings"})"}});
    auto options = things_options();
    options.deployer_url = "https://deployer:2";
    const auto report = must(restore::run(source, *console.engine.store, options, {}));
    CHECK(report.whitelist_changed);
    CHECK(report.failed() == 0);
    CHECK(console.settings() ==
          R"({"type":"settings","url_safe_list":["https://deployer:2","https://peer:1"]})");
}
