#include "davenport/drills/report.hpp"
#include "davenport/drills/reports.hpp"

#include "davenport/base/clock.hpp"
#include "support/control_database.hpp"
#include "support/manual_clock.hpp"

#include <catch2/catch.hpp>

using namespace davenport;
using davenport::test::ControlDatabase;
using davenport::test::Engine;
using davenport::test::ManualClock;

namespace {

drills::Report good_report(std::string id = "drill_0123456789abcdef") {
    drills::Report report;
    report.id = std::move(id);
    report.backup_id = "backup";
    report.target = "embedded";
    report.by = "somebody";
    report.backup_started_ms = 1'700'000'000'000;
    report.backup_finished_ms = 1'700'000'003'000;
    report.started_ms = 1'700'000'600'000;
    report.finished_ms = 1'700'000'602'500;
    report.findings.restore_ms = 1'500;
    report.findings.databases.push_back({"things", 7, 7, 0, 2, 900, 0, 0, 0});
    return report;
}

}  // namespace

TEST_CASE("a report says its word first, and its signature fits") {
    const SigningKey key = SigningKey::generate();
    const std::string text = drills::sign(good_report(), key);
    const auto checked = drills::check(text, key.public_key());
    REQUIRE(checked);
    CHECK(text_or(*checked, "verdict") == "recoverable");
    CHECK(std::next(checked->begin(), 2)->key() == "verdict");  // after the format and its version
    CHECK(text_or(*checked, "manifest_trust") == "not_judged");
    CHECK(drills::to_lines(*checked).find("was not judged") != std::string::npos);
    CHECK(integer_member(*checked, "restore_ms") == 1'500);
    CHECK(integer_member(*checked, "total_ms") == 2'500);
    const json::object* point = object_member(*checked, "recovery_point");
    REQUIRE(point);
    CHECK(integer_member(*point, "age_secs") == 600);
    CHECK(text_or(*point, "from") == to_rfc3339(1'700'000'000'000));
    CHECK(text_or(*point, "to") == to_rfc3339(1'700'000'003'000));
    CHECK(drills::to_lines(*checked).starts_with("recoverable\n"));
}

TEST_CASE("a report that was changed, or signed by somebody else, is none") {
    const SigningKey key = SigningKey::generate();
    drills::Report report = good_report();
    report.findings.differences = 1;
    report.findings.named.push_back({"things", "a", "its body is another one"});
    const std::string text = drills::sign(report, key);
    CHECK(text_or(*drills::check(text, key.public_key()), "verdict") == "not_recoverable");
    CHECK_FALSE(drills::check(text, SigningKey::generate().public_key()));
    std::string forged = text;
    forged.replace(forged.find("not_recoverable"), 15, "recoverable");
    CHECK_FALSE(drills::check(forged, key.public_key()));
    CHECK_FALSE(
        drills::check(drills::sign(good_report(), SigningKey::generate()), key.public_key()));
    for (std::size_t i = 0; i < text.size(); i += 7) {
        std::string flipped = text;
        flipped[i] = static_cast<char>(flipped[i] ^ 1);
        CHECK_FALSE(drills::check(flipped, key.public_key()));
    }
}

TEST_CASE("reports are kept, the newest of them and the last good one") {
    const SigningKey key = SigningKey::generate();
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    ManualClock clock;
    clock.advance(3'600'000);
    const auto reports = drills::Reports::open(*control, clock);
    REQUIRE(reports);
    CHECK((*reports)->last(drills::recoverable).value() == 0);
    for (int i = 0; i < 6; ++i) {
        drills::Report report = good_report(fmt::format("drill_{}", i));
        report.finished_ms += i * 1000;
        if (i > 0) report.findings.reasons.emplace_back("it is broken");
        REQUIRE((*reports)->add(report.id, drills::sign(report, key), 3));
    }
    const auto entries = (*reports)->list(100).value();
    REQUIRE(entries.size() == 4);
    CHECK(entries[0].id == "drill_5");
    CHECK(entries[0].verdict == "not_recoverable");
    CHECK(entries[3].id == "drill_0");
    CHECK((*reports)->last(drills::recoverable).value() == 1'700'000'602'500);
    CHECK((*reports)->get("drill_1").error().code == ErrorCode::not_found);

    // The clock was set back: what is added stays all the same.
    drills::Report earlier = good_report("drill_early");
    earlier.finished_ms -= 1000;
    REQUIRE((*reports)->add(earlier.id, drills::sign(earlier, key), 1));
    CHECK((*reports)->get("drill_early"));
    CHECK((*reports)->list(100).value().size() == 3);  // with the newest, and the last good one

    // Said again, as after a crash, it is as it was.
    const std::string text = (*reports)->get("drill_5").value();
    REQUIRE((*reports)->add("drill_5", drills::sign(good_report("drill_5"), key), 3));
    CHECK((*reports)->get("drill_5").value() == text);
    CHECK_FALSE((*reports)->add("drill_6", "nonsense", 3));
}

TEST_CASE("a report of a clock that was ahead hides no other one, and goes before them") {
    const SigningKey key = SigningKey::generate();
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    ManualClock clock;
    clock.advance(3'600'000);
    const auto reports = drills::Reports::open(*control, clock);
    REQUIRE(reports);
    const auto add = [&](const char* id, std::int64_t finished_ms, std::uint64_t keep) {
        drills::Report report = good_report(id);
        report.finished_ms = finished_ms;
        REQUIRE((*reports)->add(id, drills::sign(report, key), keep));
    };
    const auto last = [&] { return (*reports)->last(drills::recoverable).value(); };
    const std::int64_t now = clock.now_ms();
    const std::int64_t ahead = now + 86'400'000'000;
    add("drill_ahead", ahead, 2);
    CHECK(last() == ahead);  // there is no other one
    add("drill_1", now, 2);
    CHECK(last() == now);
    CHECK((*reports)->get("drill_ahead"));
    add("drill_2", now + 60'000, 2);  // another instance's clock is a little ahead
    CHECK(last() == now + 60'000);
    CHECK((*reports)->get("drill_1"));
    CHECK((*reports)->get("drill_ahead").error().code == ErrorCode::not_found);
}
