#include "audit_support.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"

using namespace davenport;
using namespace davenport::audit;
using namespace davenport::audit::test;

TEST_CASE("a line says who did what, when, from where and with what result") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const ManualClock clock{};
    const auto log = open_log(*control, clock);
    Event event = event_of("backup.delete", "03_ibp_db_backup_1");
    event.request = "r-1";
    event.route = "DELETE /ak/api/v3/backups/:id";
    event.details = {{"mode", "exact"}};
    event.outcome = Outcome::refused;
    event.status = 409;
    event.error = "in_use";
    CHECK(log->record(event_of("first")).value() == 1);
    CHECK(log->record(event).value() == 2);

    const auto lines = all_lines(*log);
    REQUIRE(lines.size() == 2);
    const json::object line = parsed(lines[1]);
    CHECK(line.at("seq").as_int64() == 2);
    CHECK(text_or(line, "time") == "2023-11-14T22:13:20.000Z");
    CHECK(text_or(line, "action") == "backup.delete");
    CHECK(text_or(*object_member(line, "who"), "id") == "abcdefghijklmnop");
    CHECK(text_or(line, "target") == "03_ibp_db_backup_1");
    CHECK(text_or(line, "outcome") == "refused");
    CHECK(line.at("status").as_int64() == 409);
    CHECK(text_or(line, "error") == "in_use");
    CHECK(text_or(line, "request") == "r-1");
    CHECK(text_or(line, "previous") == to_hex(as_bytes(sha256(lines[0]))));

    // Reopened, the chain goes on.
    control.reopen();
    const auto again = open_log(*control, clock);
    CHECK(again->record(event).value() == 3);
    const Verification found = verified(*again);
    CHECK(found.sound);
    CHECK(found.lines == 3);
    CHECK(found.last == 3);
}

TEST_CASE("texts from outside can't break a line") {
    ControlDatabase control(Engine::memory);
    const ManualClock clock{};
    const auto log = open_log(*control, clock);
    const std::string long_text = std::string(255, 'x') + "\xc3\xa9" + std::string(5000, 'y');
    for (const std::string& text : {std::string("\xff\xfe"), std::string("a\nb\0c", 5),
                                    std::string("\",\"seq\":9"), long_text})
        REQUIRE(log->record(event_of("odd", text)));
    const auto lines = all_lines(*log);
    CHECK(text_or(parsed(lines[0]), "target") == "??");
    CHECK(text_or(parsed(lines[1]), "target") == "a?b?c");
    CHECK(text_or(parsed(lines[2]), "target") == "\",\"seq\":9");
    CHECK(text_or(parsed(lines[3]), "target") == std::string(255, 'x'));
    CHECK(verified(*log).sound);
}

TEST_CASE("pages of the list have an end") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const ManualClock clock{};
    const auto log = open_log(*control, clock);
    CHECK(all_lines(*log).empty());
    CHECK(log->newest(10).value().lines.empty());
    record(*log, "a", 10);
    const auto some = log->list(3, 4);
    REQUIRE(some);
    CHECK(some->lines.size() == 4);
    CHECK(some->more);
    CHECK(parsed(some->lines.front()).at("seq").as_int64() == 4);
    CHECK_FALSE(log->list(6, 4).value().more);
    CHECK(log->list(10, 4).value().lines.empty());
    const auto newest = log->newest(2);
    REQUIRE(newest);
    REQUIRE(newest->lines.size() == 2);
    CHECK(parsed(newest->lines.back()).at("seq").as_int64() == 10);
    CHECK_FALSE(newest->more);
}

TEST_CASE("what is done over and over is a line, and then a count") {
    ControlDatabase control(Engine::memory);
    ManualClock clock;
    const auto log = open_log(*control, clock);
    for (int i = 0; i < 50; ++i) REQUIRE(log->record_repeating(event_of("look", "x")));
    REQUIRE(log->record_repeating(event_of("look", "y")));
    CHECK(all_lines(*log).size() == 2);
    REQUIRE(log->flush(Log::Due::over));
    CHECK(all_lines(*log).size() == 2);  // the minute is not over
    clock.advance(60'000);
    REQUIRE(log->flush(Log::Due::over));
    auto lines = all_lines(*log);
    REQUIRE(lines.size() == 3);  // y came once: there is nothing to count
    CHECK(parsed(lines[2]).at("repeated").as_int64() == 49);
    CHECK(text_or(parsed(lines[2]), "target") == "x");
    REQUIRE(log->record_repeating(event_of("look", "x")));
    CHECK(all_lines(*log).size() == 4);

    REQUIRE(log->record_repeating(event_of("look", "x")));
    log->stop();
    lines = all_lines(*log);
    REQUIRE(lines.size() == 5);
    CHECK(parsed(lines[4]).at("repeated").as_int64() == 1);
}

TEST_CASE("what differs in who, what, from where or with what result is counted apart") {
    ControlDatabase control(Engine::memory);
    const ManualClock clock{};
    const auto log = open_log(*control, clock);
    Event event = event_of("look", "x");
    event.status = 200;
    std::vector<Event> events(8, event);
    events[1].action = "read";
    events[2].who.kind = "token";
    events[3].who.id = "ponmlkjihgfedcba";
    events[4].who.credential = "a token";
    events[5].target = "y";
    events[6].from = "127.0.0.2";
    events[7].status = 404;
    for (int times = 0; times < 3; ++times)
        for (const Event& one : events) REQUIRE(log->record_repeating(one));
    CHECK(all_lines(*log).size() == events.size());
    REQUIRE(log->flush(Log::Due::all));
    const auto lines = all_lines(*log);
    REQUIRE(lines.size() == 2 * events.size());
    for (std::size_t i = events.size(); i < lines.size(); ++i)
        CHECK(parsed(lines[i]).at("repeated").as_int64() == 2);
}

TEST_CASE("callers who prove nothing can't fill the log") {
    ControlDatabase control(Engine::memory);
    ManualClock clock;
    const auto log = open_log(*control, clock);
    for (int minute = 0; minute < 10; ++minute) {
        for (int i = 0; i < 1000; ++i) {
            Event event = event_of("access.refused");
            event.from = fmt::format("10.0.{}.{}", i / 250, i % 250);
            event.outcome = Outcome::refused;
            event.status = 401;
            REQUIRE(log->record_unproven(event));
        }
        clock.advance(60'000);
        REQUIRE(log->flush(Log::Due::over));
    }
    const auto lines = all_lines(*log);
    CHECK(lines.size() < 60 + 10 * 8);
    std::int64_t counted = 0;
    for (const std::string& line : lines) {
        const auto repeated = integer_member(parsed(line), "repeated");
        counted += repeated.value_or(1);
    }
    CHECK(counted == 10'000);  // none is lost, only its address
}

namespace {

// Says no, or loses answers, as long as it is told to.
class ShakyDatabase final : public davenport::test::ForwardingDatabase {
  public:
    using ForwardingDatabase::ForwardingDatabase;
    enum class Mood { fine, down, full, deaf };
    std::atomic<Mood> mood{Mood::fine};
    std::atomic<int> writes{0};

    Result<std::vector<documents::WriteOutcome>> write(
        std::span<const documents::DocumentWrite> documents, documents::WriteMode mode,
        documents::Atomicity atomicity) override {
        ++writes;
        if (mood == Mood::down) return fail(ErrorCode::unavailable, "away");
        if (mood == Mood::full) return fail(ErrorCode::no_space, "the disk is full");
        auto outcomes = inner_->write(documents, mode, atomicity);
        // The first answer is lost, the second one comes.
        if (mood == Mood::deaf && ++heard_ % 2 == 1) return fail(ErrorCode::timeout, "no answer");
        return outcomes;
    }

  private:
    std::atomic<int> heard_{0};
};

}  // namespace

TEST_CASE("nothing counts as recorded that is not") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const auto shaky = std::make_shared<ShakyDatabase>(*control);
    const ManualClock clock{};
    const auto log = open_log(shaky, clock);
    record(*log, "before");
    shaky->mood = GENERATE(ShakyDatabase::Mood::down, ShakyDatabase::Mood::full);
    CHECK_FALSE(log->record(event_of("lost")));
    CHECK_FALSE(log->record_repeating(event_of("look")));
    log->record_outcome(event_of("outcome"));  // has happened: it must not get lost
    CHECK_FALSE(log->flush(Log::Due::over));
    shaky->mood = ShakyDatabase::Mood::fine;
    REQUIRE(log->record_repeating(event_of("look")));
    REQUIRE(log->flush(Log::Due::over));
    std::string actions;
    for (const std::string& line : all_lines(*log))
        actions += text_or(parsed(line), "action") + " ";
    CHECK(actions == "before look outcome ");
    CHECK(verified(*log).sound);
}

TEST_CASE("a line whose write's answer was lost stands once") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const auto shaky = std::make_shared<ShakyDatabase>(*control);
    const ManualClock clock{};
    const auto log = open_log(shaky, clock);
    shaky->mood = ShakyDatabase::Mood::deaf;
    for (int i = 1; i <= 20; ++i) CHECK(log->record(event_of("once")).value() == std::uint64_t(i));
    CHECK(all_lines(*log).size() == 20);
    CHECK(verified(*log).sound);
}

TEST_CASE("old lines go, and a line says which") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    ManualClock clock;
    Options options;
    options.keep_ms = 30 * day_ms;
    options.keep_lines = 5;
    const auto log = open_log(*control, clock, options);
    record(*log, "old", 250);
    CHECK(log->trim().value() == 0);
    clock.advance(31 * day_ms);
    record(*log, "new", 3);
    CHECK(log->trim().value() > 240);
    const auto lines = all_lines(*log);
    REQUIRE(lines.size() <= 9);
    CHECK(text_or(parsed(lines.back()), "action") == "audit.trim");
    Verification found = verified(*log);
    CHECK(found.sound);
    CHECK(found.removed == found.first - 1);
    clock.advance(31 * day_ms);
    record(*log, "newer", 10);
    CHECK(log->trim().value() > 0);
    found = verified(*log);
    CHECK(found.sound);

    // An export proves it without the service.
    const TemporaryDirectory directory;
    const auto file = file_of(directory, "export", exported(*log));
    const auto offline = verify_file(file, {signing_key().public_key()}, {});
    REQUIRE(offline);
    CHECK(offline->sound);
    CHECK(offline->removed == found.removed);
}

TEST_CASE("the newest lines stay, however old they are") {
    ControlDatabase control(Engine::memory);
    ManualClock clock;
    Options options;
    options.keep_ms = 30 * day_ms;
    options.keep_lines = 20;
    const auto log = open_log(*control, clock, options);
    record(*log, "old", 50);
    clock.advance(365 * day_ms);
    CHECK(log->trim().value() > 0);
    CHECK(all_lines(*log).size() >= 20);
    CHECK(verified(*log).sound);
}

TEST_CASE("where nothing is said of an age, lines stay for ever") {
    ControlDatabase control(Engine::memory);
    ManualClock clock;
    Options options;
    options.keep_ms = 0;
    options.keep_lines = 1;
    const auto log = open_log(*control, clock, options);
    record(*log, "old", 250);
    clock.advance(10'000 * day_ms);
    record(*log, "new");
    CHECK(log->trim().value() == 0);
    CHECK(all_lines(*log).size() == 251);
}

TEST_CASE("lines grow old by the clock that is trusted") {
    ControlDatabase control(Engine::memory);
    ManualClock clock, trusted;
    Options options;
    options.keep_ms = 30 * day_ms;
    options.keep_lines = 5;
    options.keep_clock = &trusted;
    const auto log = open_log(*control, clock, options);
    record(*log, "young", 250);
    clock.advance(500 * day_ms);
    record(*log, "new", 10);
    CHECK(log->trim().value() == 0);
    trusted.advance(31 * day_ms);
    CHECK(log->trim().value() > 240);
}

TEST_CASE("a trim that was interrupted is finished by the next one") {
    ControlDatabase control(Engine::memory);
    ManualClock clock;
    Options options;
    options.keep_ms = day_ms;
    options.keep_lines = 1;

    struct Stubborn final : davenport::test::ForwardingDatabase {
        using ForwardingDatabase::ForwardingDatabase;
        bool keeps = true;
        Result<std::vector<documents::WriteOutcome>> write(
            std::span<const documents::DocumentWrite> documents, documents::WriteMode mode,
            documents::Atomicity atomicity) override {
            if (keeps && documents.front().deleted) {
                // Half of them go, in whatever order.
                std::vector<documents::DocumentWrite> half;
                for (std::size_t i = 0; i < documents.size(); i += 2) half.push_back(documents[i]);
                REQUIRE(inner_->write(half, mode, atomicity));
                return fail(ErrorCode::io, "the power went");
            }
            return inner_->write(documents, mode, atomicity);
        }
    };
    const auto stubborn = std::make_shared<Stubborn>(*control);
    const auto log = open_log(stubborn, clock, options);
    record(*log, "old", 20);
    clock.advance(2 * day_ms);
    record(*log, "new", 3);
    CHECK_FALSE(log->trim());
    CHECK(verified(*log).sound);
    stubborn->keeps = false;
    REQUIRE(log->trim());
    CHECK(verified(*log).sound);
    for (const std::string& line : all_lines(*log))
        CHECK(text_or(parsed(line), "action").substr(0, 3) != "old");
}
