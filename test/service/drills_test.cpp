// Drills as jobs of a service.
#include "davenport/service/drills.hpp"
#include "davenport/service/service.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using namespace std::chrono_literals;
using service::Service;

namespace {

std::unique_ptr<Service> open_service(const test::TemporaryDirectory& directory,
                                      Service::Background background) {
    config::Settings settings;
    settings.data.directory = directory / "data";
    settings.schedules.backup = "";
    settings.retention.preset = "none";
    settings.jobs.threads = 1;
    auto opened = Service::open(settings, background);
    REQUIRE(opened);
    return std::move(*opened);
}

}  // namespace

TEST_CASE("a drill does not wait for a removal that waits for the drill's thread") {
    const test::TemporaryDirectory directory;
    std::string backup, drill;
    {
        const auto service = open_service(directory, Service::Background::jobs);
        const auto started = service->start_backup("test");
        REQUIRE(started);
        backup = *started;
        REQUIRE(service->wait_for_backup(backup, 60s));
    }
    {
        const auto service = open_service(directory, Service::Background::leave);
        const auto started = service->drills().start({backup, "", "", "test"});
        REQUIRE(started);
        drill = *started;
        CHECK(service->remove_backup(backup, "test").error().code == ErrorCode::in_use);
        // As if both had been asked for at one moment.
        REQUIRE(service->jobs().submit(
            {"removal_1", "removal", "backup-restore", {{"backup_id", backup}, {"by", "test"}}}));
    }
    const auto service = open_service(directory, Service::Background::jobs);
    const auto drilled = service->drills().wait(drill, 60s);
    REQUIRE(drilled);
    CHECK(drilled->state == jobs::State::succeeded);
    const auto removed = service->jobs().wait("removal_1", 60s);
    REQUIRE(removed);
    CHECK(removed->state == jobs::State::succeeded);
    CHECK(service->vault().list().value().empty());
}
