#include "frame.hpp"

#include <zstd.h>

namespace davenport::vault {

void Compressor::Free::operator()(ZSTD_CCtx_s* context) const {
    ZSTD_freeCCtx(context);
}

Result<Compressor> Compressor::create(int level) {
    if (level < 1 || level > ZSTD_maxCLevel())
        return fail(ErrorCode::invalid_argument, "zstd level {} is not between 1 and {}", level,
                    ZSTD_maxCLevel());
    Compressor compressor;
    compressor.context_.reset(ZSTD_createCCtx());
    if (!compressor.context_) return fail(ErrorCode::unavailable, "no memory for compression");
    const std::size_t set =
        ZSTD_CCtx_setParameter(compressor.context_.get(), ZSTD_c_compressionLevel, level);
    if (ZSTD_isError(set))
        return fail(ErrorCode::internal, "zstd level {}: {}", level, ZSTD_getErrorName(set));
    return compressor;
}

Result<std::string_view> Compressor::compress(std::string_view raw) {
    const std::size_t bound = ZSTD_compressBound(raw.size());
    if (buffer_.size() < bound) buffer_.resize(bound);
    const std::size_t size =
        ZSTD_compress2(context_.get(), buffer_.data(), bound, raw.data(), raw.size());
    if (ZSTD_isError(size))
        return fail(ErrorCode::internal, "compressing a frame: {}", ZSTD_getErrorName(size));
    return size < raw.size() ? std::string_view(buffer_.data(), size) : std::string_view();
}

void Decompressor::Free::operator()(ZSTD_DCtx_s* context) const {
    ZSTD_freeDCtx(context);
}

Decompressor::Decompressor() : context_(ZSTD_createDCtx()) {}

Result<> Decompressor::decompress(std::string_view stored, std::size_t raw_length,
                                  std::string& raw) {
    if (!context_) return fail(ErrorCode::unavailable, "no memory for decompression");
    raw.resize(raw_length);
    const std::size_t size =
        ZSTD_decompressDCtx(context_.get(), raw.data(), raw_length, stored.data(), stored.size());
    if (ZSTD_isError(size))
        return fail(ErrorCode::corrupt, "a frame does not decompress: {}", ZSTD_getErrorName(size));
    if (size != raw_length)
        return fail(ErrorCode::corrupt, "a frame holds {} bytes instead of {}", size, raw_length);
    return {};
}

}  // namespace davenport::vault
