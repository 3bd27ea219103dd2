#pragma once

#include "davenport/base/held_directory.hpp"
#include "davenport/http/message.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace davenport::http {

// An upload on its way into a file of the spool directory. Blocking calls: worker threads only. The
// file goes with the object unless `finish` handed it on.
class SpoolFile {
  public:
    static Result<SpoolFile> create(const std::string& directory);
    SpoolFile(SpoolFile&& other) noexcept;
    SpoolFile& operator=(SpoolFile&&) = delete;
    ~SpoolFile();

    Result<> append(std::string_view bytes);
    SpooledBody finish();  // closes the file; call once, last

  private:
    SpoolFile(std::string path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

    std::string path_;
    int descriptor_ = -1;
    std::uint64_t size_ = 0;
};

// Removes what uploads of killed processes left behind, and holds the directory: while others hold
// it too, only what is older than any upload under way goes. Call before the first upload.
Result<HeldDirectory> hold_spool_directory(const std::string& directory);

}  // namespace davenport::http
