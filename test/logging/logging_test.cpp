#include "davenport/logging/logging.hpp"
#include "davenport/base/json.hpp"
#include "davenport/base/log_context.hpp"

#include <catch2/catch.hpp>

#include <spdlog/logger.h>
#include <spdlog/sinks/ostream_sink.h>

#include <sstream>
#include <thread>

using namespace davenport;
using logging::Format;

namespace {

// The line that a message becomes.
std::string logged(Format format, const std::string& message) {
    std::ostringstream out;
    spdlog::logger logger("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(out));
    logger.set_formatter(logging::make_formatter(format));
    logger.warn(message);
    return out.str();
}

json::object parsed(const std::string& line) {
    REQUIRE(line.ends_with("\n"));
    const auto object = parse_json_object(std::string_view(line).substr(0, line.size() - 1));
    REQUIRE(object);
    return *object;
}

}  // namespace

TEST_CASE("a line of text") {
    const std::string line = logged(Format::text, "it works");
    CAPTURE(line);
    CHECK(line.substr(4, 1) == "-");
    CHECK(line.substr(23) == "Z warn it works\n");
}

TEST_CASE("a line of JSON") {
    const auto line = parsed(logged(Format::json, "say \"hi\""));
    CHECK(text_or(line, "level") == "warn");
    CHECK(text_or(line, "message") == "say \"hi\"");
    CHECK(text_or(line, "time").size() == 24);
    CHECK_FALSE(line.contains("request_id"));
}

TEST_CASE("a message can't make a second line, whatever it holds") {
    for (const std::string message :
         {"a\nb", "a\r\nb", "\x1b[31mred", "tab\there", "\xff\xfe no UTF-8", "null\0byte"}) {
        const std::string text = logged(Format::text, message);
        CHECK(std::count_if(text.begin(), text.end(), [](char c) {
                  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
              }) == 1);
        parsed(logged(Format::json, message));
    }
}

TEST_CASE("lines say what request and what job they are about") {
    const LogContext request(LogContext::Field::request_id, "r-1");
    {
        const LogContext job(LogContext::Field::job_id, "j-1");
        const LogContext inner(LogContext::Field::job_id, "j-2");
        CHECK(logged(Format::text, "x").ends_with("x request_id=r-1 job_id=j-2\n"));
        const auto line = parsed(logged(Format::json, "x"));
        CHECK(text_or(line, "request_id") == "r-1");
        CHECK(text_or(line, "job_id") == "j-2");
    }
    CHECK(logged(Format::text, "x").ends_with("x request_id=r-1\n"));
    // Another thread is about something else.
    std::thread([] { CHECK(LogContext::current(LogContext::Field::request_id).empty()); }).join();
}

TEST_CASE("formats by name") {
    CHECK(logging::parse_format("text") == Format::text);
    CHECK(logging::parse_format("json") == Format::json);
    CHECK_FALSE(logging::parse_format("xml"));
}

TEST_CASE("requests are logged at debug alone") {
    CHECK_FALSE(logging::AccessLog(Format::text, "info").enabled());
    CHECK(logging::AccessLog(Format::text, "debug").enabled());
    logging::AccessLog silent(Format::text, "warn");
    silent.write("nothing happens", {});
}
