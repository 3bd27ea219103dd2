#include "input.hpp"

#include "text_scan.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace davenport::backup_doc {
namespace {

std::unique_ptr<char[]> make_buffer(std::size_t capacity) {
    auto buffer = std::make_unique_for_overwrite<char[]>(capacity + scan_slack);
    std::memset(buffer.get() + capacity, 0, scan_slack);
    return buffer;
}

}  // namespace

Result<std::unique_ptr<Input>> Input::open(const std::string& path, std::uint64_t offset,
                                           std::size_t buffer_bytes) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return fail(posix_error(path, errno));
    // Only advice: reading works without it.
    (void)::posix_fadvise(file, static_cast<off_t>(offset), 0, POSIX_FADV_SEQUENTIAL);
    return std::unique_ptr<Input>(new Input(file, path, offset, buffer_bytes));
}

Input::Input(int file, std::string path, std::uint64_t offset, std::size_t buffer_bytes)
    : file_(file),
      path_(std::move(path)),
      buffer_(make_buffer(std::max<std::size_t>(buffer_bytes, 1))),
      capacity_(std::max<std::size_t>(buffer_bytes, 1)),
      buffer_position_(offset) {}

Input::~Input() {
    ::close(file_);
}

void Input::hold(std::uint64_t limit) {
    hold_begin_ = cursor_;
    hold_limit_ = limit;
    overflowed_ = false;
}

std::string_view Input::held() const {
    return {buffer_.get() + hold_begin_, cursor_ - hold_begin_};
}

void Input::rewind() {
    cursor_ = hold_begin_;
    overflowed_ = false;
}

void Input::release() {
    hold_begin_ = not_held;
    overflowed_ = false;
}

// Slides what must stay to the buffer's front, or grows it where that gives no room.
bool Input::make_room() {
    const std::size_t keep = std::min(cursor_, hold_begin_);
    if (keep > 0) {
        std::memmove(buffer_.get(), buffer_.get() + keep, end_ - keep);
        cursor_ -= keep;
        end_ -= keep;
        if (hold_begin_ != not_held) hold_begin_ -= keep;
        buffer_position_ += keep;
        return true;
    }
    if (hold_begin_ != not_held && end_ > hold_limit_) {
        overflowed_ = true;
        return false;
    }
    const std::size_t larger = capacity_ * 2;
    auto buffer = make_buffer(larger);
    std::memcpy(buffer.get(), buffer_.get(), end_);
    buffer_ = std::move(buffer);
    capacity_ = larger;
    return true;
}

bool Input::fill(std::size_t count) {
    while (end_ - cursor_ < count) {
        if (end_of_file_ || error_) return false;
        if (end_ == capacity_ && !make_room()) return false;
        const ssize_t got = ::pread(file_, buffer_.get() + end_, capacity_ - end_,
                                    static_cast<off_t>(buffer_position_ + end_));
        if (got < 0) {
            if (errno == EINTR) continue;
            error_ = posix_error(path_, errno);
            return false;
        }
        if (got == 0) end_of_file_ = true;
        end_ += static_cast<std::size_t>(got);
    }
    return true;
}

}  // namespace davenport::backup_doc
