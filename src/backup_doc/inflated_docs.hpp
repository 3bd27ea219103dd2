#pragma once

#include "davenport/base/result.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace davenport::backup_doc {

// A file that is removed with its object.
class SpoolFile {
  public:
    static Result<std::unique_ptr<SpoolFile>> create(std::string path);  // an old one is emptied
    ~SpoolFile();
    SpoolFile(const SpoolFile&) = delete;
    SpoolFile& operator=(const SpoolFile&) = delete;

    Result<> append(std::string_view bytes);
    const std::string& path() const { return path_; }

  private:
    SpoolFile(int file, std::string path) : file_(file), path_(std::move(path)) {}
    const int file_;
    const std::string path_;
};

// Turns the text of `compressed_docs` (base64 of one zlib stream, RFC 1950) into a file, piece by
// piece. Errors are invalid_argument, too_large past `limit` bytes, or the file's. Not thread-safe.
class Inflater {
  public:
    static Result<std::unique_ptr<Inflater>> create(SpoolFile& file, std::uint64_t limit);
    ~Inflater();

    Result<> append_base64(std::string_view piece);
    Result<std::uint64_t> finish();  // bytes inflated; an error when the stream is not at its end

  private:
    struct Stream;
    Inflater(SpoolFile& file, std::uint64_t limit);
    Result<> decode(std::string_view groups);
    Result<> inflate(std::string_view bytes);

    SpoolFile& file_;
    const std::uint64_t limit_;
    std::string undecoded_;
    bool padded_ = false;    // '=' ended the base64 text
    bool finished_ = false;  // the zlib stream is at its end
    std::uint64_t inflated_bytes_ = 0;
    std::unique_ptr<Stream> stream_;
};

}  // namespace davenport::backup_doc
