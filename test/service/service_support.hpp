#pragma once

#include "davenport/service/service.hpp"
#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>

#include <chrono>
#include <functional>

namespace davenport::test {

// A service on the embedded store that starts nothing by schedule and removes nothing by itself.
inline std::unique_ptr<service::Service> open_service(
    const TemporaryDirectory& directory, service::Service::Background background,
    const std::function<void(config::Settings&)>& change = {}) {
    config::Settings settings;
    settings.data.directory = directory / "data";
    settings.schedules.backup = "";
    settings.retention.preset = "none";
    if (change) change(settings);
    auto opened = service::Service::open(settings, background);
    REQUIRE(opened);
    return std::move(*opened);
}

inline std::string back_up(service::Service& service) {
    const auto id = service.start_backup("test");
    REQUIRE(id);
    const auto job = service.wait_for_backup(*id, std::chrono::seconds(60));
    REQUIRE(job);
    REQUIRE(job->state == jobs::State::succeeded);
    return *id;
}

}  // namespace davenport::test
