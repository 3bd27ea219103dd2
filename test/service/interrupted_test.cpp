// What a service finds that a crash, or another instance, has left half done.
#include "davenport/documents/records.hpp"
#include "service_support.hpp"
#include "support/eventually.hpp"

#include <catch2/catch.hpp>

#include <filesystem>

using namespace davenport;
using namespace std::chrono_literals;
using service::Service;
using test::eventually;
using test::open_service;

TEST_CASE("a scheduled start that was cut off finds the backup that it has begun") {
    const test::TemporaryDirectory directory;
    std::string id, job, other;
    {
        const auto service = open_service(directory, Service::Background::jobs);
        const auto schedule =
            service->schedules().create({{"kind", "backup"}, {"cron", "@yearly"}});
        REQUIRE(schedule);
        id = schedule->id;
        const auto run = service->schedules().run(id);
        REQUIRE(run);
        job = *run;
        const auto ended = service->wait_for_backup(job, 60s);
        REQUIRE(ended);
        // As if the process had died before it wrote down what it had started.
        const json::object claim{{"run_id", text_or(ended->parameters, "run")},
                                 {"due_ms", 1},
                                 {"since_ms", 1},
                                 {"mark", "its"},
                                 {"planned", true}};
        const auto control = service->documents().open("davenport_control");
        REQUIRE(control);
        REQUIRE(documents::update_record(**control, "schedule/" + id,
                                         [&](json::object& body) -> Result<documents::Edit> {
                                             body["claim"] = claim;
                                             body["wake_ms"] = 1;
                                             return documents::Edit::write;
                                         }));
    }
    {
        // Which is not for a command to find.
        const auto command = open_service(directory, Service::Background::jobs);
        const auto started = command->start_backup("somebody");
        REQUIRE(started);
        other = *started;
        REQUIRE(command->wait_for_backup(other, 60s));
        CHECK(command->schedules().get(id)->last_run->due_ms != 1);
    }
    const auto service = open_service(directory, Service::Background::run);
    REQUIRE(eventually([&] {
        const auto schedule = service->schedules().get(id);
        return schedule && schedule->last_run && schedule->last_run->due_ms == 1;
    }));
    CHECK(service->schedules().get(id)->last_run->job == job);
    CHECK(service->backup_ids().value() == std::vector<std::string>{job, other});
}

TEST_CASE("a new application has nothing of one of its name whose deletion was cut off") {
    const test::TemporaryDirectory directory;
    const auto service = open_service(directory, Service::Background::leave);
    const auto former = service->create_application("app", "");
    REQUIRE(former);
    REQUIRE(service->exports().start(former->application, {}, "an-export"));
    REQUIRE(service->applications().remove("app"));
    const auto made = service->create_application("app", "");
    REQUIRE(made);
    CHECK(service->exports().list(made->application, 1).value().empty());
}

TEST_CASE("an application whose deletion was cut off lets nobody in, and can be deleted again") {
    const test::TemporaryDirectory directory;
    const auto service = open_service(directory, Service::Background::leave);
    const auto made = service->create_application("app", "");
    REQUIRE(made);
    REQUIRE(service->exports().start(made->application, {}, "an-export"));
    const auto lets_in = [&] {
        return service->applications().authenticate("app", made->secret, "127.0.0.1").has_value();
    };
    REQUIRE(lets_in());
    // Where its file would be stands something that can't be removed.
    std::filesystem::create_directories(directory / "data/exports/app-app/an-export.json");
    REQUIRE_FALSE(service->remove_application("app"));
    CHECK_FALSE(lets_in());
    CHECK(service->remove_application("app"));
    CHECK(service->applications().get("app").error().code == ErrorCode::not_found);
}

TEST_CASE("a backup that a wrong clock has put into the future keeps no schedule from its work") {
    const test::TemporaryDirectory directory;
    const auto service = open_service(directory, Service::Background::run);
    vault::Manifest ahead;
    ahead.id = "03_ibp_db_backup_ahead";
    ahead.started_ms = ahead.finished_ms = service->clock().now_ms() + 86'400'000'000;
    REQUIRE(service->vault().commit(ahead));
    const auto schedule = service->schedules().create(
        {{"kind", "backup"}, {"cron", "@yearly"}, {"parameters", {{"skip_if_newer_secs", 3600}}}});
    REQUIRE(schedule);
    const auto control = service->documents().open("davenport_control");
    REQUIRE(control);
    REQUIRE(documents::update_record(**control, "schedule/" + schedule->id,
                                     [&](json::object& body) -> Result<documents::Edit> {
                                         body["due_ms"] = body["next_run_ms"] = body["wake_ms"] = 1;
                                         return documents::Edit::write;
                                     }));
    REQUIRE(eventually([&] {
        const auto after = service->schedules().get(schedule->id);
        return after && after->last_run;
    }));
    CHECK(service->schedules().get(schedule->id)->last_run->skipped.empty());
    CHECK_FALSE(service->schedules().get(schedule->id)->last_run->job.empty());
}
