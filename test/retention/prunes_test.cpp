// Prunes as jobs: one at a time, and after backups.
#include "davenport/service/retention.hpp"
#include "support/control_database.hpp"
#include "support/eventually.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <thread>

using namespace davenport;
using davenport::test::ControlDatabase;
using davenport::test::eventually;
using std::chrono::milliseconds;

namespace {

constexpr std::string_view group = "exclusive";

// A vault with three backups, and jobs.
struct Place {
    ControlDatabase control{davenport::test::Engine::memory};
    davenport::test::TemporaryDirectory directory;
    SystemClock clock;
    config::Settings settings;
    service::Reserve reserve{directory.path().string(), 0};
    std::unique_ptr<vault::Vault> vault;
    std::atomic<bool> release{false};
    std::unique_ptr<service::Retention> retention;
    std::unique_ptr<jobs::Runner> runner;

    explicit Place(const std::string& preset, const std::string& min_age = "") {
        settings.retention.min_age = min_age;
        settings.data.directory = directory.path().string();
        settings.retention.preset = preset;
        if (preset == "rules") settings.retention.keep_last = 1;
        const auto key = std::make_shared<const SigningKey>(SigningKey::generate());
        vault = vault::Vault::open(blobs::open_directory(vault_directory()).value(), clock, {},
                                   {key, {key->public_key()}})
                    .value();
        std::int64_t started_ms = clock.now_ms() - 1000;
        for (const std::string id : {"one", "two", "three"}) {
            vault::Manifest manifest;
            manifest.id = id;
            manifest.started_ms = ++started_ms;
            REQUIRE(vault->commit(std::move(manifest)));
        }
        jobs::Options options;
        options.poll = milliseconds(20);
        runner = jobs::Runner::create(*control, clock, options).value();
        retention =
            service::Retention::create(settings, *vault, *runner, clock, reserve, group).value();
        runner->handle("blocker", {[this](jobs::Context&) -> Result<json::object> {
                                       while (!release)
                                           std::this_thread::sleep_for(milliseconds(1));
                                       return json::object{};
                                   },
                                   {}});
        REQUIRE(runner->start());
    }
    ~Place() { release = true; }

    std::string vault_directory() const { return directory / "vault"; }
    // Overwrites its manifest, and says that this was so many days ago.
    void damage(const std::string& id, int days) const {
        const std::string path = vault_directory() + "/manifests/" + id;
        std::ofstream(path) << "nonsense";
        std::filesystem::last_write_time(
            path, std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * days));
    }
    std::string add_backup(int days) {
        vault::Manifest manifest;
        manifest.started_ms = clock.now_ms() - days * std::int64_t{24 * 3'600'000};
        manifest.id = fmt::format("03_ibp_db_backup_{}", manifest.started_ms);
        const std::string id = manifest.id;
        REQUIRE(vault->commit(std::move(manifest)));
        return id;
    }
    void block() {
        REQUIRE(runner->submit({"blocking", "blocker", std::string(group), json::object{}}));
    }
    std::size_t prunes() { return runner->list("prune", 100).value().size(); }
};

}  // namespace

TEST_CASE("a prune removes what the rules do not keep, and says so") {
    Place place("rules");
    const auto plan = place.retention->plan().value();
    CHECK(plan.reclaimed.backups == 2);
    const std::string id = place.retention->prune("anna").value();
    const auto ended = place.retention->wait_for_prune(id, milliseconds(30'000)).value();
    REQUIRE(ended.state == jobs::State::succeeded);
    CHECK(to_text(json::value(ended.result.at("removed"))) == R"(["one","two"])");
    CHECK(ended.result.at("bytes").to_number<std::uint64_t>() == plan.reclaimed.bytes);
    CHECK(place.vault->list().value() == std::vector<std::string>{"three"});
    CHECK(place.retention->prune_job(id).value().id == id);
    CHECK(place.retention->prune_job("none").error().code == ErrorCode::not_found);
}

TEST_CASE("nothing is pruned while something speaks against a manifest") {
    Place place("rules");
    const std::string manifest = place.vault_directory() + "/manifests/one";
    vault::Manifest edited = place.vault->manifest("one").value();
    edited.started_ms += 1;
    std::ofstream(manifest) << vault::encode(edited, nullptr);
    const auto plan = place.retention->plan();
    REQUIRE_FALSE(plan);
    CHECK(plan.error().code == ErrorCode::corrupt);
    CHECK_THAT(plan.error().message, Catch::Matchers::Contains("one"));
    const std::string id = place.retention->prune("anna").value();
    const auto ended = place.retention->wait_for_prune(id, milliseconds(30'000)).value();
    CHECK(ended.state == jobs::State::failed);
    CHECK(place.vault->list().value().size() == 3);

    // Without min_age it can be got rid of.
    CHECK(place.retention->doubted_until_ms("one").value() == 0);
    REQUIRE(place.retention->check_removable("one"));
    REQUIRE(place.vault->remove("one", "doubted"));
    CHECK(place.retention->plan().value().reclaimed.backups == 1);
}

TEST_CASE("a backup with a damaged manifest is locked from the latest time that is known of it") {
    Place place("rules", "30d");
    const std::string old = place.add_backup(60);
    const std::string young = place.add_backup(3);
    const auto code_of = [&](const std::string& id) {
        const auto removable = place.retention->check_removable(id);
        return removable ? std::string("removable")
                         : std::string(traits(removable.error().code).name);
    };
    place.damage(old, 10);
    place.damage(young, 40);
    CHECK(code_of(old) == "in_use");
    CHECK(code_of(young) == "in_use");
    place.damage(old, 40);
    CHECK(code_of(old) == "removable");
    CHECK(code_of("nothing") == "not_found");
    // Whatever an id says, it can be told until when.
    const std::string foreign = "03_ibp_db_backup_9223372036854775807";
    CHECK(place.retention->doubted_until_ms(foreign).value() > place.clock.now_ms());
}

TEST_CASE("what a job works on is kept") {
    Place place("rules");
    REQUIRE(place.runner->submit({"drill_1", "blocker", "", json::object{{"backup_id", "one"}}}));
    CHECK(place.retention->plan().value().reclaimed.backups == 1);
    place.release = true;
    REQUIRE(place.runner->wait("drill_1", milliseconds(30'000)));
    CHECK(place.retention->plan().value().reclaimed.backups == 2);
}

TEST_CASE("a prune is refused while something else runs") {
    Place place("rules");
    place.block();
    CHECK(place.retention->prune("anna").error().code == ErrorCode::in_progress);
    place.release = true;
}

TEST_CASE("a prune after a backup waits for its turn, and comes once") {
    Place place("rules");
    place.block();
    REQUIRE(place.retention->after_backup("three", "schedule"));
    REQUIRE(place.retention->after_backup("three", "schedule"));
    CHECK(place.vault->list().value().size() == 3);
    place.release = true;
    CHECK(eventually([&] { return place.vault->list().value().size() == 1; }));
    REQUIRE(place.retention->after_backup("three", "schedule"));
    REQUIRE(place.runner->wait("prune_awaits_three", milliseconds(30'000)));
    CHECK(place.runner->wait("prune_after_three", milliseconds(30'000)).value().state ==
          jobs::State::succeeded);
    CHECK(place.prunes() == 1);
}

TEST_CASE("without rules nothing is pruned, after backups or on request") {
    Place place("none");
    REQUIRE(place.retention->after_backup("three", "schedule"));
    CHECK(place.runner->list("", 100).value().empty());
    CHECK(place.retention->prune("anna").error().code == ErrorCode::invalid_argument);
    CHECK(place.retention->plan().error().code == ErrorCode::invalid_argument);
    CHECK(place.prunes() == 0);
}

TEST_CASE("settings that are wrong are named") {
    Place place("console");
    const auto refused = [&](config::Settings settings) {
        const auto made = service::Retention::create(settings, *place.vault, *place.runner,
                                                     place.clock, place.reserve, group);
        REQUIRE_FALSE(made);
        CHECK(made.error().code == ErrorCode::invalid_argument);
        return made.error().message;
    };
    using Catch::Matchers::Contains;
    config::Settings settings = place.settings;
    settings.retention.time_zone = "Nowhere/Land";
    CHECK_THAT(refused(settings), Contains("retention.time_zone"));
    settings = place.settings;
    settings.retention.min_age = "soon";
    CHECK_THAT(refused(settings), Contains("retention.min_age"));
    settings = place.settings;
    settings.retention.keep_within = "7";
    CHECK_THAT(refused(settings), Contains("retention.keep_within"));
}
