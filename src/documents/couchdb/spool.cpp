#include "spool.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace davenport::documents::couchdb {
namespace {

constexpr std::size_t most_in_memory = 256 * 1024;
constexpr std::size_t piece_bytes = 128 * 1024;

// Gone with its descriptor.
Result<int> anonymous_file() {
    std::error_code error;
    std::string directory = std::filesystem::temp_directory_path(error).string();
    if (error) directory = "/tmp";
    int file = ::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (file >= 0) return file;
    // Not every file system knows files without a name.
    std::string name = directory + "/davenport-XXXXXX";
    file = ::mkostemp(name.data(), O_CLOEXEC);
    if (file < 0) return fail(posix_error(directory, errno));
    ::unlink(name.c_str());
    return file;
}

Result<> write_all(int file, std::string_view bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(file, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(posix_error("an attachment's temporary file", errno));
        bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return {};
}

class SpoolReader final : public ByteSource {
  public:
    explicit SpoolReader(std::shared_ptr<const Spool> spool) : spool_(std::move(spool)) {}
    Result<std::size_t> read(std::span<char> buffer) override {
        DAVENPORT_ASSIGN(const std::size_t count, spool_->read_at(position_, buffer));
        position_ += count;
        return count;
    }

  private:
    const std::shared_ptr<const Spool> spool_;
    std::uint64_t position_ = 0;
};

}  // namespace

Spool::~Spool() {
    if (file_ >= 0) ::close(file_);
}

Result<std::shared_ptr<const Spool>> Spool::take(ByteSource& source) {
    std::shared_ptr<Spool> spool(new Spool);
    Md5 md5;
    std::vector<char> buffer(piece_bytes);
    while (true) {
        DAVENPORT_ASSIGN(const std::size_t count, source.read(buffer));
        if (count == 0) break;
        md5.update({buffer.data(), count});
        DAVENPORT_TRY(spool->add({buffer.data(), count}));
    }
    spool->digest_ = "md5-" + to_base64(as_bytes(md5.finish()));
    return std::shared_ptr<const Spool>(std::move(spool));
}

Result<> Spool::add(std::string_view bytes) {
    length_ += bytes.size();
    if (file_ < 0 && length_ <= most_in_memory) {
        memory_ += bytes;
        return {};
    }
    if (file_ < 0) {
        DAVENPORT_ASSIGN(file_, anonymous_file());
        DAVENPORT_TRY(write_all(file_, memory_));
        memory_ = {};
    }
    return write_all(file_, bytes);
}

Result<std::size_t> Spool::read_at(std::uint64_t position, std::span<char> buffer) const {
    const std::size_t wanted =
        std::min<std::uint64_t>(buffer.size(), length_ - std::min(position, length_));
    if (wanted == 0) return std::size_t{0};
    if (file_ < 0) {
        std::memcpy(buffer.data(), memory_.data() + position, wanted);
        return wanted;
    }
    while (true) {
        const ssize_t count = ::pread(file_, buffer.data(), wanted, static_cast<off_t>(position));
        if (count > 0) return static_cast<std::size_t>(count);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return fail(posix_error("an attachment's temporary file", errno));
        return fail(ErrorCode::io, "an attachment's temporary file is shorter than it was");
    }
}

std::unique_ptr<ByteSource> Spool::reader() const {
    return std::make_unique<SpoolReader>(shared_from_this());
}

}  // namespace davenport::documents::couchdb
