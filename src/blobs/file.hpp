#pragma once

#include "davenport/base/result.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace davenport::blobs {

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

}  // namespace davenport::blobs
