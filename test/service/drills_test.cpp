// Drills as jobs of a service.
#include "davenport/service/drills.hpp"
#include "service_support.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using namespace std::chrono_literals;
using service::Service;
using test::open_service;

namespace {

void one_thread(config::Settings& settings) {
    settings.jobs.threads = 1;
}

}  // namespace

TEST_CASE("a drill does not wait for a removal that waits for the drill's thread") {
    const test::TemporaryDirectory directory;
    std::string backup, drill;
    {
        const auto service = open_service(directory, Service::Background::jobs, one_thread);
        const auto started = service->start_backup("test");
        REQUIRE(started);
        backup = *started;
        REQUIRE(service->wait_for_backup(backup, 60s));
    }
    {
        const auto service = open_service(directory, Service::Background::leave, one_thread);
        const auto started = service->drills().start({backup, "", "", "test"});
        REQUIRE(started);
        drill = *started;
        CHECK(service->remove_backup(backup, "test").error().code == ErrorCode::in_use);
        // As if both had been asked for at one moment.
        REQUIRE(service->jobs().submit(
            {"removal_1", "removal", "backup-restore", {{"backup_id", backup}, {"by", "test"}}}));
    }
    const auto service = open_service(directory, Service::Background::jobs, one_thread);
    const auto drilled = service->drills().wait(drill, 60s);
    REQUIRE(drilled);
    CHECK(drilled->state == jobs::State::succeeded);
    const auto removed = service->jobs().wait("removal_1", 60s);
    REQUIRE(removed);
    CHECK(removed->state == jobs::State::succeeded);
    CHECK(service->vault().list().value().empty());
}
