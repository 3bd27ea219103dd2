#pragma once

#include "davenport/audit/log.hpp"
#include "davenport/base/json.hpp"
#include "support/control_database.hpp"
#include "support/eventually.hpp"
#include "support/forwarding_store.hpp"
#include "support/manual_clock.hpp"

#include <catch2/catch.hpp>
#include <fstream>

namespace davenport::audit::test {

using davenport::test::ControlDatabase;
using davenport::test::Engine;
using davenport::test::eventually;
using davenport::test::ManualClock;
using davenport::test::TemporaryDirectory;

constexpr std::int64_t day_ms = 24 * 3600 * 1000ll;

inline const SigningKey& signing_key() {
    static const SigningKey key = SigningKey::generate();
    return key;
}

inline Event event_of(std::string action, std::string target = {}) {
    Event event;
    event.action = std::move(action);
    event.who = {"api_key", "abcdefghijklmnop", {}};
    event.target = std::move(target);
    event.from = "127.0.0.1";
    return event;
}

inline std::unique_ptr<Log> open_log(std::shared_ptr<documents::Database> control,
                                     const Clock& clock, Options options = {},
                                     const SigningKey& key = signing_key()) {
    if (options.log_id.empty()) options.log_id = "a log";
    auto log = Log::open(std::move(control), clock, key, std::move(options));
    REQUIRE(log);
    return std::move(*log);
}

inline void record(Log& log, const std::string& action, int times = 1) {
    for (int i = 0; i < times; ++i)
        REQUIRE(log.record(event_of(action, action + std::to_string(i))));
}

inline std::vector<std::string> all_lines(Log& log) {
    auto page = log.list(0, 100'000);
    REQUIRE(page);
    return page->lines;
}

inline json::object parsed(const std::string& line) {
    auto object = parse_json_object(line);
    REQUIRE(object);
    return *object;
}

inline Verification verified(Log& log) {
    auto found = log.verify({});
    REQUIRE(found);
    for (const Finding& finding : found->findings) UNSCOPED_INFO(finding.message);
    return *found;
}

inline std::vector<std::string> exported(Log& log) {
    auto lines = log.export_all();
    REQUIRE(lines);
    std::string text;
    for (;;) {
        const auto piece = (*lines)->next();
        REQUIRE(piece);
        if (piece->empty()) break;
        text += *piece;
    }
    std::vector<std::string> split;
    std::size_t begin = 0;
    for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1)
        split.push_back(text.substr(begin, end - begin));
    REQUIRE(begin == text.size());
    return split;
}

inline std::string file_of(const TemporaryDirectory& directory, const std::string& name,
                           const std::vector<std::string>& lines) {
    const std::string path = (directory.path() / name).string();
    std::ofstream file(path, std::ios::binary);
    for (const std::string& line : lines) file << line << '\n';
    return path;
}

}  // namespace davenport::audit::test
