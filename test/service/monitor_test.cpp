#include "davenport/service/monitor.hpp"
#include "davenport/service/service.hpp"
#include "support/eventually.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <regex>

using namespace davenport;
using namespace std::chrono_literals;
using service::Service;
using test::eventually;

namespace {

std::unique_ptr<Service> open_service(const test::TemporaryDirectory& directory) {
    config::Settings settings;
    settings.data.directory = directory / "data";
    auto opened = Service::open(settings, Service::Background::run);
    REQUIRE(opened);
    return std::move(*opened);
}

// Of the line that begins with `series`; nullopt when there is none.
std::optional<double> value_of(Service& service, const std::string& series) {
    const std::string text = "\n" + service.metrics().text();
    const std::size_t at = text.find("\n" + series + " ");
    if (at == std::string::npos) return std::nullopt;
    return std::stod(text.substr(at + series.size() + 2));
}

std::string problem_of(Service& service, std::string_view part) {
    for (const auto& check : service.monitor().readiness())
        if (check.part == part) return check.problem;
    return "there is no such part";
}

void back_up(Service& service) {
    const auto id = service.start_backup("test");
    REQUIRE(id);
    const auto job = service.wait_for_backup(*id, 60s);
    REQUIRE(job);
    REQUIRE(job->state == jobs::State::succeeded);
}

}  // namespace

TEST_CASE("backups are counted, and the newest is known after a restart") {
    const test::TemporaryDirectory directory;
    {
        const auto service = open_service(directory);
        CHECK(eventually([&] { return value_of(*service, "davenport_backups") == 0; }));
        CHECK_FALSE(value_of(*service, "davenport_backup_age_seconds"));
        CHECK(value_of(*service, "davenport_backups_total{outcome=\"complete\"}") == 0);
        CHECK(value_of(*service, "davenport_backups_total{outcome=\"failed\"}") == 0);
        back_up(*service);
        CHECK(eventually([&] {
            return value_of(*service, "davenport_backups_total{outcome=\"complete\"}") == 1 &&
                   value_of(*service, "davenport_backups") == 1;
        }));
        CHECK(value_of(*service, "davenport_job_duration_seconds_count{kind=\"backup\"}") == 1);
        CHECK(value_of(*service, "davenport_jobs_total{kind=\"backup\",outcome=\"succeeded\"}") ==
              1);
    }
    const auto service = open_service(directory);
    CHECK(eventually([&] { return value_of(*service, "davenport_backups") == 1; }));
    CHECK(value_of(*service, "davenport_backups_total{outcome=\"complete\"}") == 0);
    const auto age = value_of(*service, "davenport_backup_age_seconds");
    REQUIRE(age);
    CHECK(*age >= 0);
    CHECK(*age < 3600);
    CHECK(value_of(*service, "davenport_backup_last_documents"));
    CHECK(value_of(*service, "davenport_store_up{store=\"blobs\"}") == 1);
    CHECK(value_of(*service, "davenport_store_up{store=\"documents\"}") == 1);
    CHECK(value_of(*service, "davenport_webhook_queue_length") == 0);
    CHECK(value_of(*service, "davenport_data_free_bytes").value_or(0) > 0);
    CHECK(eventually([&] {
        return value_of(*service, "davenport_vault_bytes{kind=\"manifests\"}").value_or(0) > 0;
    }));
    CHECK(value_of(*service, "process_resident_memory_bytes").value_or(0) > 0);
    CHECK(value_of(*service,
                   "davenport_store_operation_duration_seconds_count{operation=\"open\",store="
                   "\"blobs\"}")
              .value_or(0) > 0);
}

TEST_CASE("a service is ready until it is told to stop") {
    const test::TemporaryDirectory directory;
    const auto service = open_service(directory);
    CHECK(problem_of(*service, "service").empty());
    CHECK(problem_of(*service, "documents").empty());
    CHECK(problem_of(*service, "vault").empty());
    service->monitor().begin_draining();
    CHECK(problem_of(*service, "service") == "it is stopping");
}

TEST_CASE("a vault that takes no new data is told, without its path") {
    const test::TemporaryDirectory directory;
    const auto service = open_service(directory);
    CHECK(problem_of(*service, "vault").empty());
    std::filesystem::remove_all(directory / "data/vault/tmp");
    CHECK(eventually([&] { return !problem_of(*service, "vault").empty(); }));
    CHECK(problem_of(*service, "vault").find('/') == std::string::npos);
    CHECK(problem_of(*service, "documents").empty());
}
