#include "progress_display.hpp"

#include <fmt/format.h>
#include <unistd.h>
#include <algorithm>

namespace davenport::cli {

ProgressDisplay::ProgressDisplay(std::string what)
    : what_(std::move(what)),
      terminal_(isatty(STDERR_FILENO) == 1),
      last_(std::chrono::steady_clock::now()) {}

ProgressDisplay::~ProgressDisplay() {
    if (drawn_) fmt::print(stderr, "\n");
}

void ProgressDisplay::show(const Status& status) {
    const auto now = std::chrono::steady_clock::now();
    const auto pause = terminal_ ? std::chrono::milliseconds(100) : std::chrono::milliseconds(5000);
    if (now - last_ < pause) return;
    last_ = now;
    const std::string counts =
        fmt::format("{} of {} documents, {:.1f} MB", status.done,
                    std::max(status.total, status.done), static_cast<double>(status.bytes) / 1e6);
    if (!terminal_) {
        fmt::print(stderr, "{}: {}\n", what_, counts);
        return;
    }
    constexpr std::size_t width = 30;
    const std::size_t filled =
        status.total == 0 ? 0 : std::min<std::uint64_t>(width, status.done * width / status.total);
    fmt::print(stderr, "\r\033[K{} [{}{}] {}", what_, std::string(filled, '#'),
               std::string(width - filled, '.'), counts);
    std::fflush(stderr);
    drawn_ = true;
}

}  // namespace davenport::cli
