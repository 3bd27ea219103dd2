#pragma once

#include "davenport/base/result.hpp"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

namespace spdlog {
class formatter;
class logger;
}  // namespace spdlog

// How lines of the log look. They go to stderr; stdout is for results alone.
//
// text: 2026-01-31T12:34:56.789Z info restore k2f9 ended: success job_id=k2f9
// json: {"time":"2026-01-31T12:34:56.789Z","level":"info","message":"…","job_id":"k2f9"}
//
// A line is one line whatever its message holds: control bytes are escaped, and what is no UTF-8
// becomes '?'. Lines carry the fields of LogContext.
namespace davenport::logging {

enum class Format { text, json };
Result<Format> parse_format(std::string_view name);  // "text", "json"; else invalid_argument

// One more fact of a line.
struct Field {
    Field(std::string_view name_, std::string_view text_) : name(name_), text(text_) {}
    Field(std::string_view name_, std::uint64_t number)
        : name(name_), text(std::to_string(number)), kind(Kind::number) {}
    Field(std::string_view name_, double number);

    enum class Kind { text, number };
    std::string_view name;
    std::string text;
    Kind kind = Kind::text;
};

// For spdlog's loggers and sinks.
std::unique_ptr<spdlog::formatter> make_formatter(Format format);

// Makes spdlog's default logger write such lines to stderr. `level` is trace, debug, info, warn or
// error.
void configure(Format format, std::string_view level);

// Lines of requests. They come from the thread that moves all bytes, which must not wait for
// whoever reads stderr: lines are queued and written by a thread of their own, and when the queue
// is full the oldest ones are dropped. Thread-safe.
class AccessLog {
  public:
    // Nothing is written, and nothing costs, unless `level` is debug or trace.
    AccessLog(Format format, std::string_view level);
    ~AccessLog();  // after what is queued was written

    bool enabled() const { return logger_ != nullptr; }
    void write(std::string_view message, std::initializer_list<Field> fields);

  private:
    const Format format_;
    std::shared_ptr<void> thread_pool_;
    std::shared_ptr<spdlog::logger> logger_;
};

}  // namespace davenport::logging
