#include "trusted_time.hpp"

#include "davenport/base/file.hpp"
#include "davenport/base/json.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <ctime>

namespace davenport::service {
namespace {

// Clocks are put right by small steps.
constexpr std::int64_t tolerance_ms = 60'000;
constexpr std::uint64_t longest_text = 4096;

std::int64_t counter_ms() {
    timespec time{};
    clock_gettime(CLOCK_BOOTTIME, &time);
    return time.tv_sec * std::int64_t{1000} + time.tv_nsec / 1'000'000;
}

// Empty where there is none.
std::string read_text(const std::string& path) {
    return read_file(path, longest_text).value_or("");
}

// Tells one start of the system from the others; empty where the system does not say.
std::string start_of_system(const std::string& path) {
    std::string id = read_text(path);
    while (!id.empty() && id.back() == '\n') id.pop_back();
    if (id.empty())
        spdlog::warn(
            "{} can't be read, so a start of the system can't be told from one of the service: "
            "while the system's count of time does not go back, the clock is not believed when it "
            "is ahead of it",
            path);
    return id;
}

}  // namespace

Result<std::unique_ptr<TrustedTime>> TrustedTime::open(const std::string& directory,
                                                       const Clock& clock,
                                                       const std::string& start_file) {
    const std::string path = directory + "/clock";
    const std::string start = start_of_system(start_file);
    Reading first{clock.now_ms(), counter_ms()};
    std::string known_start;
    if (const auto kept = parse_json_object(read_text(path))) {
        known_start = text_or(*kept, "system_start");
        const bool may_be_same = start == known_start || start.empty() || known_start.empty();
        const auto clock_ms = integer_member(*kept, "clock_ms");
        const auto count_ms = integer_member(*kept, "counter_ms");
        if (may_be_same && clock_ms && count_ms && *count_ms <= first.counter_ms) {
            first = {*clock_ms, *count_ms};
            if (start.empty() || start == known_start)
                return std::unique_ptr<TrustedTime>(new TrustedTime(clock, first));
        }
    }
    DAVENPORT_TRY(replace_file(path, to_text(json::object{{"system_start", start},
                                                          {"clock_ms", first.clock_ms},
                                                          {"counter_ms", first.counter_ms}})));
    return std::unique_ptr<TrustedTime>(new TrustedTime(clock, first));
}

std::int64_t TrustedTime::now_ms() const {
    return std::min(clock_.now_ms(),
                    first_.clock_ms + (counter_ms() - first_.counter_ms) + tolerance_ms);
}

}  // namespace davenport::service
