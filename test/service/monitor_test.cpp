#include "davenport/service/monitor.hpp"
#include "davenport/documents/records.hpp"
#include "service_support.hpp"
#include "support/eventually.hpp"

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <regex>

using namespace davenport;
using namespace std::chrono_literals;
using service::Service;
using test::back_up;
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

TEST_CASE("figures of the newest backup are its own") {
    const test::TemporaryDirectory directory;
    const auto service = open_service(directory);
    const auto database = service->documents().open(service->settings().databases.components);
    REQUIRE(database);
    for (const char* id : {"a", "b", "c"})
        REQUIRE(documents::write_record(**database, id, {{"n", 1}}, ""));
    for (const double backups : {1, 2}) {
        back_up(*service);
        const auto ids = service->vault().list();
        REQUIRE(ids);
        const auto manifest = service->vault().manifest(ids->back());
        REQUIRE(manifest);
        const auto started = static_cast<double>(manifest->started_ms) / 1000;
        REQUIRE(eventually([&] { return value_of(*service, "davenport_backups") == backups; }));
        CHECK(value_of(*service, "davenport_backup_newest_timestamp_seconds").value() ==
              Approx(started).epsilon(0).margin(0.0005));
        const double least = static_cast<double>(service->clock().now_ms()) / 1000 - started;
        CHECK(value_of(*service, "davenport_backup_age_seconds").value() >= least - 0.0005);
        CHECK(value_of(*service, "davenport_backup_last_documents") == 3);
        CHECK(value_of(*service, "davenport_backup_last_bytes").value() > 0);
        CHECK(value_of(*service, "davenport_backup_last_stored_bytes").value() > 0);
    }
    CHECK(eventually([&] {
        return value_of(*service, "davenport_vault_bytes{kind=\"manifests\"}").value_or(0) > 500;
    }));
}

TEST_CASE("what waits is counted") {
    const test::TemporaryDirectory directory;
    config::Settings settings;
    settings.data.directory = directory / "data";
    auto opened = Service::open(settings, Service::Background::leave);
    REQUIRE(opened);
    Service& service = **opened;
    const auto id = service.start_backup("test");
    REQUIRE(id);
    REQUIRE(service.deliveries().enqueue("msg_1", "http://192.0.2.1/", "{}"));
    const auto job = service.jobs().get(*id);
    REQUIRE(job);
    REQUIRE(eventually([&] { return service.clock().now_ms() > job->created_ms; }));
    const std::string labels = "{kind=\"backup\",state=\"queued\"}";
    const double least = static_cast<double>(service.clock().now_ms() - job->created_ms) / 1000;
    CHECK(value_of(service, "davenport_jobs" + labels) == 1);
    CHECK(value_of(service, "davenport_job_oldest_seconds" + labels).value() >= least - 0.0005);
    CHECK(value_of(service, "davenport_webhook_queue_length") == 1);
}

TEST_CASE("a vault that can't be listed is told, and its figures are left out") {
    const test::TemporaryDirectory directory;
    const auto service = open_service(directory);
    back_up(*service);
    const std::filesystem::path manifests = directory / "data/vault/manifests";
    std::filesystem::remove_all(manifests);
    std::ofstream(manifests) << "no directory";
    CHECK(
        eventually([&] { return value_of(*service, "davenport_store_up{store=\"blobs\"}") == 0; }));
    CHECK_FALSE(value_of(*service, "davenport_backups"));
    CHECK(value_of(*service, "davenport_store_up{store=\"documents\"}") == 1);
}

TEST_CASE("a control database that is gone is told") {
    const test::TemporaryDirectory directory;
    const auto service = open_service(directory);
    CHECK(problem_of(*service, "documents").empty());
    REQUIRE(service->documents().drop("davenport_control"));
    CHECK(eventually([&] { return problem_of(*service, "documents") == "not_found"; }));
    CHECK(problem_of(*service, "vault").empty());
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
