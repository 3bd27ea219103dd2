#include "audit_support.hpp"
#include "davenport/base/sealed_text.hpp"
#include "line.hpp"
#include "pages.hpp"

using namespace davenport;
using namespace davenport::audit;
using namespace davenport::audit::test;

namespace {

Verification check(const std::vector<std::string>& lines, const std::string& earlier = {},
                   std::vector<VerifyingKey> keys = {signing_key().public_key()}) {
    const TemporaryDirectory directory;
    const auto found = verify_file(file_of(directory, "export", lines), keys, earlier);
    REQUIRE(found);
    for (const Finding& finding : found->findings) UNSCOPED_INFO(finding.message);
    return *found;
}

std::uint64_t first_line_found(const Verification& found) {
    CHECK_FALSE(found.sound);
    return found.findings.empty() ? 0 : found.findings.front().line;
}

struct TenLines {
    ControlDatabase control{Engine::memory};
    ManualClock clock;
    std::unique_ptr<Log> log = open_log(*control, clock);
    std::vector<std::string> lines;  // and the head

    TenLines() {
        record(*log, "line", 10);
        lines = exported(*log);
        REQUIRE(lines.size() == 11);
    }
};

// Writes a line anew, as somebody would who has everything but the key.
std::string forged(const std::string& line, const SigningKey& key) {
    const json::object object = parsed(line);
    Event event = event_of("something harmless");
    return write_line(event, 1'700'000'000'000,
                      static_cast<std::uint64_t>(object.at("seq").as_int64()), "a log",
                      text_or(object, "previous"), key);
}

}  // namespace

TEST_CASE("an export is sound as it is, also where the keys are not known") {
    TenLines log;
    Verification found = check(log.lines);
    CHECK(found.sound);
    CHECK(found.lines == 10);
    CHECK(found.signatures_checked);
    found = check(log.lines, {}, {});
    CHECK(found.sound);
    CHECK_FALSE(found.signatures_checked);
}

TEST_CASE("a line that was edited is found") {
    TenLines log;
    SECTION("a byte of it") {
        log.lines[4].replace(log.lines[4].find("line4"), 5, "line5");
        CHECK(first_line_found(check(log.lines)) == 5);
    }
    SECTION("with the checksum made anew, and a key of one's own") {
        log.lines[4] = forged(log.lines[4], SigningKey::generate());
        CHECK(first_line_found(check(log.lines)) == 5);
        CHECK(first_line_found(check(log.lines, {}, {})) == 6);  // the chain alone shows it too
    }
    SECTION("and every line after it, to keep the chain") {
        const SigningKey own = SigningKey::generate();
        std::string previous = text_or(parsed(log.lines[4]), "previous");
        for (std::size_t i = 4; i < 10; ++i) {
            log.lines[i] = write_line(event_of("x"), 0, i + 1, "a log", previous, own);
            previous = hash_of(log.lines[i]);
        }
        CHECK(first_line_found(check(log.lines)) == 5);
        CHECK_FALSE(check(log.lines, {}, {}).sound);  // the head is signed
    }
}

TEST_CASE("every byte of a log is covered") {
    ControlDatabase control(Engine::memory);
    const ManualClock clock{};
    const auto small = open_log(*control, clock);
    record(*small, "b", 2);
    const auto lines = exported(*small);
    for (std::size_t line = 0; line < lines.size(); ++line)
        for (std::size_t byte = 0; byte < lines[line].size(); byte += 3) {
            auto flipped = lines;
            flipped[line][byte] = static_cast<char>(flipped[line][byte] ^ (1 << (byte % 7)));
            INFO("line " << line << " byte " << byte);
            Verifier verifier({signing_key().public_key()}, {});
            for (std::size_t i = 0; i < 2; ++i) verifier.line(flipped[i]);
            const auto head = read_head(flipped[2], {signing_key().public_key()});
            if (line == 2) {
                CHECK_FALSE(head);
            } else {
                verifier.expect(*head);
                CHECK_FALSE(verifier.finish().sound);
            }
        }
}

TEST_CASE("a line that fits the chain and is not this log's is found by that alone") {
    TenLines log;
    log.lines.pop_back();
    std::string& last = log.lines.back();
    const std::string previous = text_or(parsed(last), "previous");
    SECTION("unsigned") {
        json::object object = parsed(last);
        object.erase("checksum");
        object.erase("signature");
        last = seal(object);
    }
    SECTION("with another signature under the key's name") {
        json::object object = parsed(forged(last, SigningKey::generate()));
        std::string signature = text_or(object, "signature");
        signature.replace(signature.find(':') + 1, 16, signing_key().public_key().id());
        object.erase("checksum");
        object["signature"] = signature;
        last = seal(object);
    }
    SECTION("of another log") {
        last = write_line(event_of("x"), 0, 10, "another log", previous, signing_key());
    }
    Verifier verifier({signing_key().public_key()}, {});
    for (const std::string& line : log.lines) verifier.line(line);
    const Verification found = verifier.finish();
    CHECK(first_line_found(found) == 10);
    CHECK(found.findings_in_all == 1);
}

TEST_CASE("a line that says which were removed speaks of these alone") {
    const auto sound_when_removed = [](const std::string& through, std::string_view hash) {
        const std::string first =
            write_line(event_of("x"), 0, 5, "a log", hash_of("four"), signing_key());
        Event trim = event_of(std::string(action::trim));
        trim.details = {{std::string(removed_through), through},
                        {std::string(removed_hash), hash_of(hash)}};
        Verifier verifier({signing_key().public_key()}, {});
        verifier.line(first);
        verifier.line(write_line(trim, 0, 6, "a log", hash_of(first), signing_key()));
        return verifier.finish().sound;
    };
    CHECK(sound_when_removed("4", "four"));
    CHECK_FALSE(sound_when_removed("3", "four"));
    CHECK_FALSE(sound_when_removed("4", "another"));
}

TEST_CASE("a line that was removed is found") {
    TenLines log;
    const std::size_t which = GENERATE(0, 4, 9);
    log.lines.erase(log.lines.begin() + static_cast<std::ptrdiff_t>(which));
    CHECK_FALSE(check(log.lines).sound);
    CHECK_FALSE(check(log.lines, {}, {}).sound);
}

TEST_CASE("lines that were reordered, repeated or inserted are found") {
    TenLines log;
    SECTION("reordered") {
        std::swap(log.lines[4], log.lines[5]);
        CHECK(first_line_found(check(log.lines)) == 6);
    }
    SECTION("repeated") {
        log.lines.insert(log.lines.begin() + 5, log.lines[4]);
        CHECK(first_line_found(check(log.lines)) == 5);
    }
    SECTION("inserted from another log") {
        ControlDatabase control(Engine::memory);
        Options options;
        options.log_id = "another log";
        const auto other = open_log(*control, log.clock, options);
        record(*other, "line", 6);
        log.lines.insert(log.lines.begin() + 5, all_lines(*other)[5]);
        CHECK(first_line_found(check(log.lines)) == 6);
    }
    SECTION("exchanged for one of another log") {
        ControlDatabase control(Engine::memory);
        Options options;
        options.log_id = "another log";
        const auto other = open_log(*control, log.clock, options);
        record(*other, "line", 10);
        log.lines[9] = all_lines(*other)[9];
        CHECK(first_line_found(check(log.lines)) == 10);
    }
    SECTION("after the head") {
        log.lines.push_back(log.lines[9]);
        CHECK_FALSE(check(log.lines).sound);
    }
    SECTION("after the head, with a head of their own") {
        record(*log.log, "more");
        const auto longer = exported(*log.log);
        log.lines.insert(log.lines.end(), longer.begin() + 10, longer.end());
        CHECK_FALSE(check(log.lines).sound);
    }
}

TEST_CASE("an end that was cut off is found") {
    TenLines log;
    const TemporaryDirectory directory;
    const std::string earlier = file_of(directory, "earlier", log.lines);
    SECTION("without its head") {
        log.lines.pop_back();
        CHECK_FALSE(check(log.lines).sound);
    }
    SECTION("with the head kept") {
        log.lines.erase(log.lines.begin() + 9);
        CHECK_FALSE(check(log.lines).sound);
    }
    SECTION("in the database, by somebody who then lets the service go on") {
        Pages pages(*log.control);
        REQUIRE(pages.remove({8, 9, 10}));
        const auto again = open_log(*log.control, log.clock);
        record(*again, "after", 2);
        const auto lines = exported(*again);
        CHECK(check(lines).sound);                            // nothing in it shows the cut …
        CHECK(first_line_found(check(lines, earlier)) == 9);  // … but an earlier export does
        record(*again, "after", 5);
        CHECK(first_line_found(check(exported(*again), earlier)) == 10);
    }
    SECTION("nothing was cut: more came") {
        record(*log.log, "more", 3);
        CHECK(check(exported(*log.log), earlier).sound);
    }
}

TEST_CASE("the head that is kept beside the database shows a cut end, and stays until it fits") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const ManualClock clock{};
    const TemporaryDirectory directory;
    Options options;
    options.head_file = (directory.path() / "head").string();
    const auto log = open_log(*control, clock, options);
    record(*log, "line", 10);
    REQUIRE(log->keep_head());
    record(*log, "line", 2);
    CHECK(verified(*log).sound);
    REQUIRE(log->keep_head());

    Pages pages(*control);
    REQUIRE(pages.remove({11, 12}));
    const auto again = open_log(*control, clock, options);
    CHECK(first_line_found(verified(*again)) == 10);
    record(*again, "after", 3);
    CHECK(again->keep_head().error().code == ErrorCode::corrupt);
    CHECK(first_line_found(verified(*again)) == 12);
}

TEST_CASE("a kept head of another log is told as that, and stays") {
    ControlDatabase one(Engine::memory), other(Engine::memory);
    const ManualClock clock{};
    const TemporaryDirectory directory;
    Options options;
    options.head_file = (directory.path() / "head").string();
    const auto former = open_log(*one, clock, options);
    record(*former, "line", 10);
    REQUIRE(former->keep_head());
    options.log_id = "another log";
    const auto log = open_log(*other, clock, options);
    record(*log, "line", 3);
    for (int times = 0; times < 2; ++times) {
        const auto kept = log->keep_head();
        REQUIRE_FALSE(kept);
        CHECK(kept.error().code == ErrorCode::corrupt);
        CHECK(kept.error().message.find("is of the log a log, and this is another log") !=
              std::string::npos);
        const Verification found = verified(*log);
        CHECK_FALSE(found.sound);
        REQUIRE(found.findings.size() == 1);
        CHECK(found.findings[0].message.find("is of another log, \"a log\"") != std::string::npos);
    }
}

TEST_CASE("damage in the database is found, and what is left can be read") {
    ControlDatabase control(GENERATE(Engine::memory, Engine::embedded));
    const ManualClock clock{};
    const auto log = open_log(*control, clock);
    record(*log, "line", 5);
    const auto page = control->get("audit:0000000000000003");
    REQUIRE(page);
    const auto put = [&](std::string_view id, const std::string& body) {
        documents::DocumentWrite write;
        write.id = id;
        write.body = body;
        write.type = "audit";
        REQUIRE(control->write({&write, 1}, documents::WriteMode::overwrite,
                               documents::Atomicity::each));
    };
    SECTION("an edited page") {
        std::string body = page->body;
        body.replace(body.find("line2"), 5, "line3");
        put(page->id, body);
        CHECK(first_line_found(verified(*log)) == 3);
    }
    SECTION("a page that can't be read") {
        put(page->id, R"({"type":"audit","first":3,"lines":17})");
        CHECK(first_line_found(verified(*log)) == 3);
        CHECK(log->list(0, 10).error().code == ErrorCode::corrupt);
        CHECK(log->list(3, 10));
        const auto lines = exported(*log);
        CHECK_FALSE(check(lines).sound);
        CHECK(std::any_of(lines.begin(), lines.end(),
                          [](const auto& line) { return parsed(line).contains("fault"); }));
    }
    SECTION("the newest page can't be read: nothing goes on unrecorded") {
        put("audit:0000000000000005", R"({"type":"audit","first":5,"lines":[]})");
        const auto again = open_log(*control, clock);
        CHECK(again->record(event_of("x")).error().code == ErrorCode::corrupt);
        CHECK(first_line_found(verified(*again)) == 5);
    }
    SECTION("pages that were exchanged") {
        put("audit:0000000000000003", control->get("audit:0000000000000004")->body);
        CHECK_FALSE(verified(*log).sound);
    }
    SECTION("a page that was removed") {
        REQUIRE(Pages(*control).remove({3}));
        CHECK(first_line_found(verified(*log)) == 4);
    }
    SECTION("the beginning was removed, as if for its age") {
        REQUIRE(Pages(*control).remove({1, 2}));
        REQUIRE(Pages(*control).set_trimmed({2, "00"}));
        CHECK(first_line_found(verified(*log)) == 3);
    }
}
