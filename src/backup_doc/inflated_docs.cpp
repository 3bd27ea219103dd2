#include "inflated_docs.hpp"

#include "davenport/base/encoding.hpp"

#include <cerrno>
#include <vector>

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

namespace davenport::backup_doc {
namespace {

constexpr std::size_t base64_piece = 64 * 1024;  // a multiple of 4
constexpr std::size_t output_bytes = 256 * 1024;

}  // namespace

Result<std::unique_ptr<SpoolFile>> SpoolFile::create(std::string path) {
    const int file =
        ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (file < 0) return fail(posix_error(path, errno));
    return std::unique_ptr<SpoolFile>(new SpoolFile(file, std::move(path)));
}

SpoolFile::~SpoolFile() {
    ::close(file_);
    ::unlink(path_.c_str());
}

Result<> SpoolFile::append(std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(file_, bytes.data(), bytes.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return fail(posix_error(path_, errno));
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

struct Inflater::Stream {
    z_stream z{};
    bool ready = false;
    std::vector<char> output = std::vector<char>(output_bytes);
    ~Stream() {
        if (ready) inflateEnd(&z);
    }
};

Inflater::Inflater(SpoolFile& file, std::uint64_t limit)
    : file_(file), limit_(limit), stream_(std::make_unique<Stream>()) {}

Inflater::~Inflater() = default;

Result<std::unique_ptr<Inflater>> Inflater::create(SpoolFile& file, std::uint64_t limit) {
    std::unique_ptr<Inflater> inflater(new Inflater(file, limit));
    if (inflateInit(&inflater->stream_->z) != Z_OK)
        return fail(ErrorCode::unavailable, "no memory to inflate compressed_docs");
    inflater->stream_->ready = true;
    return inflater;
}

Result<> Inflater::append_base64(std::string_view piece) {
    while (!piece.empty()) {
        const std::string_view part = piece.substr(0, base64_piece - undecoded_.size());
        piece.remove_prefix(part.size());
        undecoded_ += part;
        if (undecoded_.size() == base64_piece) {
            DAVENPORT_TRY(decode(undecoded_));
            undecoded_.clear();
        }
    }
    return {};
}

Result<> Inflater::decode(std::string_view groups) {
    if (padded_)
        return fail(ErrorCode::invalid_argument, "the base64 text goes on after its padding");
    auto bytes = from_base64(groups);
    if (!bytes) return fail(ErrorCode::invalid_argument, "it is no base64 text");
    padded_ = groups.ends_with('=');
    return inflate(*bytes);
}

Result<> Inflater::inflate(std::string_view bytes) {
    z_stream& z = stream_->z;
    // zlib does not write to its input; its type is not const without ZLIB_CONST.
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
    z.avail_in = static_cast<uInt>(bytes.size());
    while (!finished_) {
        z.next_out = reinterpret_cast<Bytef*>(stream_->output.data());
        z.avail_out = static_cast<uInt>(stream_->output.size());
        const int outcome = ::inflate(&z, Z_NO_FLUSH);
        const std::size_t got = stream_->output.size() - z.avail_out;
        if (outcome == Z_MEM_ERROR) return fail(ErrorCode::unavailable, "no memory to inflate it");
        if (outcome != Z_OK && outcome != Z_STREAM_END && outcome != Z_BUF_ERROR)
            return fail(ErrorCode::invalid_argument, "it is no zlib stream, or a damaged one: {}",
                        z.msg != nullptr ? z.msg : "a preset dictionary is needed");
        inflated_bytes_ += got;
        if (inflated_bytes_ > limit_)
            return fail(ErrorCode::too_large, "it inflates to more than the limit of {} bytes",
                        limit_);
        DAVENPORT_TRY(file_.append({stream_->output.data(), got}));
        finished_ = outcome == Z_STREAM_END;
        // Room is left in the output: everything that came in has been used.
        if (z.avail_out > 0) break;
    }
    if (finished_ && z.avail_in > 0)
        return fail(ErrorCode::invalid_argument, "bytes follow the end of the zlib stream");
    return {};
}

Result<std::uint64_t> Inflater::finish() {
    if (!undecoded_.empty()) DAVENPORT_TRY(decode(undecoded_));
    undecoded_.clear();
    if (!finished_) return fail(ErrorCode::invalid_argument, "its zlib stream ends before its end");
    return inflated_bytes_;
}

}  // namespace davenport::backup_doc
