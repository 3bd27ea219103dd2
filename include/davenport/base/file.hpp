#pragma once

#include "davenport/base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

// Files and directories, with errors that name them. What is written is made durable: synced, and
// the directory that names it, too.
namespace davenport {

// An open file descriptor with one owner.
class File {
  public:
    File() = default;
    explicit File(int descriptor) : descriptor_(descriptor) {}
    File(File&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
    File& operator=(File&& other) noexcept {
        std::swap(descriptor_, other.descriptor_);
        return *this;
    }
    ~File();

    int get() const { return descriptor_; }
    bool is_open() const { return descriptor_ >= 0; }
    // Once; a file system may report a failed write only here.
    Result<> close(std::string_view path);

  private:
    int descriptor_ = -1;
};

Result<> write_fully(const File& file, std::string_view bytes, std::string_view path);
Result<> sync_file(const File& file, std::string_view path);
// Makes the entries of a directory (names that came and went) durable.
Result<> sync_directory(const std::string& path);
// Creates the directory and what is missing above it, each entry durable. Fine if it is there.
Result<> make_directories(const std::string& path);
// The same, and nobody but the owner gets in, also when it was there before.
Result<> make_private_directory(const std::string& path);

// The whole file; too_large when it has more bytes than `limit`, not_found when there is none.
Result<std::string> read_file(const std::string& path, std::uint64_t limit);
// Puts a file there, whole or not at all; it takes the place of another one. The owner alone may
// read it.
Result<> replace_file(const std::string& path, std::string_view bytes);
// The same, but never over another one: already_exists.
Result<> create_file(const std::string& path, std::string_view bytes);
// Syncs a file and gives it another name on the same file system.
Result<> move_durably(const std::string& from, const std::string& to);

}  // namespace davenport
