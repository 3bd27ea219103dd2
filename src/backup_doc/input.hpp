#pragma once

#include "davenport/base/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace davenport::backup_doc {

// The bytes of a file from an offset on, through a buffer that slides over it. It grows only for
// bytes that are held. Failures of the system are remembered: `available` then is false and `error`
// says why, so that scanning loops need not check every byte. Not thread-safe.
class Input {
  public:
    static Result<std::unique_ptr<Input>> open(const std::string& path, std::uint64_t offset,
                                               std::size_t buffer_bytes);
    ~Input();
    Input(const Input&) = delete;
    Input& operator=(const Input&) = delete;

    // Whether `count` unread bytes lie at `begin()`. May move the buffer: pointers become invalid.
    bool available(std::size_t count) {
        return static_cast<std::size_t>(end() - begin()) >= count || fill(count);
    }
    // Brings in at least one byte behind the unread ones.
    bool more() { return fill(static_cast<std::size_t>(end() - begin()) + 1); }

    // The unread bytes in hand; `scan_slack` bytes behind `end()` are readable.
    const char* begin() const { return buffer_.get() + cursor_; }
    const char* end() const { return buffer_.get() + end_; }
    void advance(std::size_t count) { cursor_ += count; }
    void advance_to(const char* position) {
        cursor_ = static_cast<std::size_t>(position - buffer_.get());
    }
    std::uint64_t position() const { return buffer_position_ + cursor_; }  // in the file

    // From here on bytes stay in memory, about `limit` of them; past it `available` is false and
    // `overflowed` true.
    void hold(std::uint64_t limit);
    std::string_view held() const;  // what was read since; valid until the buffer moves
    void rewind();                  // reads again from where `hold` was called
    void release();
    bool overflowed() const { return overflowed_; }

    const std::optional<Error>& error() const { return error_; }

  private:
    Input(int file, std::string path, std::uint64_t offset, std::size_t buffer_bytes);
    bool fill(std::size_t count);
    bool make_room();

    static constexpr std::size_t not_held = static_cast<std::size_t>(-1);

    const int file_;
    const std::string path_;
    std::unique_ptr<char[]> buffer_;
    std::size_t capacity_;
    std::size_t cursor_ = 0;         // the next unread byte
    std::size_t end_ = 0;            // of what was read into the buffer
    std::uint64_t buffer_position_;  // of the buffer's first byte in the file
    std::size_t hold_begin_ = not_held;
    std::uint64_t hold_limit_ = 0;
    bool end_of_file_ = false;
    bool overflowed_ = false;
    std::optional<Error> error_;
};

}  // namespace davenport::backup_doc
