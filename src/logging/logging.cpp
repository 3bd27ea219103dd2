#include "davenport/logging/logging.hpp"

#include "davenport/base/log_context.hpp"
#include "line.hpp"

#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <vector>

namespace davenport::logging {
namespace {

constexpr std::size_t queued_lines = 8192;

std::string_view name_of(spdlog::level::level_enum level) {
    switch (level) {
        case spdlog::level::trace:
            return "trace";
        case spdlog::level::debug:
            return "debug";
        case spdlog::level::info:
            return "info";
        case spdlog::level::warn:
            return "warn";
        default:
            return "error";
    }
}

class LineFormatter final : public spdlog::formatter {
  public:
    explicit LineFormatter(Format format) : format_(format) {}

    void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
        std::vector<Field> fields;
        const auto add = [&](std::string_view name, LogContext::Field field) {
            if (const auto value = LogContext::current(field); !value.empty())
                fields.emplace_back(name, value);
        };
        add("request_id", LogContext::Field::request_id);
        add("job_id", LogContext::Field::job_id);
        const std::string text = line(format_, message.time, name_of(message.level),
                                      {message.payload.data(), message.payload.size()}, fields);
        out.append(text.data(), text.data() + text.size());
        out.push_back('\n');
    }

    std::unique_ptr<spdlog::formatter> clone() const override {
        return std::make_unique<LineFormatter>(format_);
    }

  private:
    const Format format_;
};

}  // namespace

Field::Field(std::string_view name_, double number)
    : name(name_), text(fmt::format("{:.3f}", number)), kind(Kind::number) {}

Result<Format> parse_format(std::string_view name) {
    if (name == "text") return Format::text;
    if (name == "json") return Format::json;
    return fail(ErrorCode::invalid_argument, "log.format is \"{}\"; it must be text or json", name);
}

std::unique_ptr<spdlog::formatter> make_formatter(Format format) {
    return std::make_unique<LineFormatter>(format);
}

void configure(Format format, std::string_view level) {
    const auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    auto logger = std::make_shared<spdlog::logger>("davenport", sink);
    logger->set_formatter(make_formatter(format));
    logger->flush_on(spdlog::level::trace);
    spdlog::set_default_logger(std::move(logger));
    spdlog::set_level(spdlog::level::from_str(std::string(level)));
}

AccessLog::AccessLog(Format format, std::string_view level) : format_(format) {
    if (spdlog::level::from_str(std::string(level)) > spdlog::level::debug) return;
    auto pool = std::make_shared<spdlog::details::thread_pool>(queued_lines, 1);
    auto logger = std::make_shared<spdlog::async_logger>(
        "access", std::make_shared<spdlog::sinks::stderr_sink_mt>(), pool,
        spdlog::async_overflow_policy::overrun_oldest);
    // The line is made where its time is known; the sink adds its end alone.
    logger->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc));
    logger->set_level(spdlog::level::debug);
    thread_pool_ = std::move(pool);
    logger_ = std::move(logger);
}

// The pool first: its thread writes what is queued, and has ended when the sink goes.
AccessLog::~AccessLog() {
    thread_pool_.reset();
}

void AccessLog::write(std::string_view message, std::initializer_list<Field> fields) {
    if (!logger_) return;
    const std::string text = line(format_, std::chrono::system_clock::now(), "debug", message,
                                  {fields.begin(), fields.size()});
    logger_->log(spdlog::level::debug, spdlog::string_view_t(text.data(), text.size()));
}

}  // namespace davenport::logging
