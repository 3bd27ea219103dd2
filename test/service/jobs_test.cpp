// What a service lets begin beside what runs, and that ends are recorded.
#include "davenport/base/file.hpp"
#include "davenport/documents/records.hpp"
#include "service_support.hpp"
#include "support/eventually.hpp"

#include <catch2/catch.hpp>

#include <atomic>
#include <filesystem>
#include <thread>

using namespace davenport;
using namespace std::chrono_literals;
using service::Service;
using test::back_up;
using test::eventually;
using test::open_service;

namespace {

std::shared_ptr<documents::Database> control_of(Service& service) {
    const auto control = service.documents().open("davenport_control");
    REQUIRE(control);
    return *control;
}

std::uint64_t last_line(Service& service) {
    const auto page = service.audit().newest(1);
    REQUIRE(page);
    if (page->lines.empty()) return 0;
    return static_cast<std::uint64_t>(parse_json_object(page->lines.back())->at("seq").as_int64());
}

}  // namespace

TEST_CASE("drills come one at a time, and the backup of one is not removed meanwhile") {
    const test::TemporaryDirectory directory;
    const std::string id = back_up(*open_service(directory, Service::Background::jobs));
    // Where no job begins, the drill waits.
    const auto service = open_service(directory, Service::Background::leave);
    CHECK(service->drills().check_not_drilled(id));
    const auto drill = service->drills().start({id, "", "", "test"});
    REQUIRE(drill);
    const auto needed = service->drills().check_not_drilled(id);
    REQUIRE_FALSE(needed);
    CHECK(needed.error().code == ErrorCode::in_use);
    CHECK(service->drills().check_not_drilled("another"));
    const auto second = service->drills().start({id, "", "", "test"});
    REQUIRE_FALSE(second);
    CHECK(second.error().code == ErrorCode::in_progress);
    CHECK(second.error().detail == *drill);
}

TEST_CASE("who asks for a scheduled backup while one runs is told which") {
    const test::TemporaryDirectory directory;
    const auto service = open_service(directory, Service::Background::leave);
    const auto schedule = service->schedules().create({{"kind", "backup"}, {"cron", "@yearly"}});
    REQUIRE(schedule);
    const auto running = service->start_backup("test");
    REQUIRE(running);
    const auto asked = service->schedules().run(schedule->id);
    REQUIRE_FALSE(asked);
    CHECK(asked.error().code == ErrorCode::in_progress);
    CHECK(asked.error().detail == *running);
}

TEST_CASE("a drill waits for what removes backups") {
    const test::TemporaryDirectory directory;
    const auto service = open_service(directory, Service::Background::jobs);
    const std::string id = back_up(*service);
    // Of a kind that this service does not know, so that it takes as long as the test wants.
    std::atomic<bool> removes = false, may_end = false;
    jobs::Options options;
    options.place = read_file(directory / "data/place", 100).value();
    const auto runner = jobs::Runner::create(control_of(*service), service->clock(), options);
    REQUIRE(runner);
    (*runner)->handle("removes", {[&](jobs::Context& context) -> Result<json::object> {
                                      removes = true;
                                      while (!may_end && !context.stopping())
                                          std::this_thread::sleep_for(1ms);
                                      return json::object();
                                  },
                                  {}});
    REQUIRE((*runner)->start());
    REQUIRE((*runner)->submit({"removal", "removes", "backup-restore", {}}));
    REQUIRE(eventually([&] { return removes.load(); }));
    const auto drill = service->drills().start({id, "", "", "test"});
    REQUIRE(drill);
    REQUIRE(eventually([&] {
        const auto job = service->drills().job(*drill);
        return job && job->state == jobs::State::running;
    }));
    const auto waited = service->drills().wait(*drill, 500ms);
    REQUIRE_FALSE(waited);
    CHECK(waited.error().code == ErrorCode::timeout);
    may_end = true;
    const auto ended = service->drills().wait(*drill, 60s);
    REQUIRE(ended);
    CHECK(ended->state == jobs::State::succeeded);
}

TEST_CASE("what a drill could not take away again is told in its report") {
    const test::TemporaryDirectory directory;
    const std::string loop = directory / "loop";
    std::filesystem::create_symlink(loop, loop);
    const auto service =
        open_service(directory, Service::Background::jobs,
                     [&](config::Settings& settings) { settings.drills.directory = loop; });
    const std::string id = back_up(*service);
    const auto drill = service->drills().start({id, "", "", "test"});
    REQUIRE(drill);
    const auto ended = service->drills().wait(*drill, 60s);
    REQUIRE(ended);
    CHECK(ended->state == jobs::State::failed);
    const auto text = service->drills().report(*drill);
    REQUIRE(text);
    const auto report = drills::read(*text);
    REQUIRE(report);
    CHECK(text_or(*report, "left_behind").find(loop) != std::string::npos);
}

TEST_CASE("a job whose end can't be recorded has not ended, and that is counted") {
    const test::TemporaryDirectory directory;
    const auto service = open_service(directory, Service::Background::jobs);
    // Where the next line belongs stands something that is no page.
    const auto control = control_of(*service);
    const std::string page = fmt::format("audit:{:016}", last_line(*service) + 1);
    const auto revision = documents::write_record(*control, page, {{"type", "audit"}}, "");
    REQUIRE(revision);
    const auto id = service->start_backup("test");
    REQUIRE(id);
    const auto unrecorded = [&] {
        const std::string text = service->metrics().text();
        return text.find("\ndavenport_job_ends_unrecorded_total ") != std::string::npos &&
               text.find("\ndavenport_job_ends_unrecorded_total 0") == std::string::npos;
    };
    CHECK(eventually(unrecorded));
    CHECK_FALSE(service->jobs().get(*id).value().ended());
    REQUIRE(documents::remove_record(*control, page, *revision));
    const auto ended = service->wait_for_backup(*id, 60s);
    REQUIRE(ended);
    CHECK(ended->state == jobs::State::succeeded);
    const auto lines = service->audit().list(0, 1'000);
    REQUIRE(lines);
    CHECK(std::count_if(lines->lines.begin(), lines->lines.end(), [](const std::string& line) {
              return text_or(*parse_json_object(line), "action") == "backup.end";
          }) == 1);
}
