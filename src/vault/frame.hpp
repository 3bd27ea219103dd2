#pragma once

#include "davenport/base/result.hpp"

#include <memory>
#include <string>
#include <string_view>

struct ZSTD_CCtx_s;
struct ZSTD_DCtx_s;

namespace davenport::vault {

// zstd with a reused context and buffer. Not thread-safe; one a thread.
class Compressor {
  public:
    static Result<Compressor> create(int level);
    // The compressed bytes, valid until the next call; empty when they would not be shorter.
    Result<std::string_view> compress(std::string_view raw);

  private:
    struct Free {
        void operator()(ZSTD_CCtx_s* context) const;
    };
    std::unique_ptr<ZSTD_CCtx_s, Free> context_;
    std::string buffer_;
};

class Decompressor {
  public:
    Decompressor();
    // Fills `raw` with exactly `raw_length` bytes, a length that the caller has checked.
    Result<> decompress(std::string_view stored, std::size_t raw_length, std::string& raw);

  private:
    struct Free {
        void operator()(ZSTD_DCtx_s* context) const;
    };
    std::unique_ptr<ZSTD_DCtx_s, Free> context_;
};

}  // namespace davenport::vault
