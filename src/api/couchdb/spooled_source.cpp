#include "spooled_source.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>

namespace davenport::api::couchdb {
namespace {

class FileSource final : public documents::ByteSource {
  public:
    FileSource(int descriptor, std::string path)
        : descriptor_(descriptor), path_(std::move(path)) {}
    ~FileSource() override { ::close(descriptor_); }
    FileSource(const FileSource&) = delete;
    FileSource& operator=(const FileSource&) = delete;

    Result<std::size_t> read(std::span<char> buffer) override {
        for (;;) {
            const ssize_t count = ::read(descriptor_, buffer.data(), buffer.size());
            if (count >= 0) return static_cast<std::size_t>(count);
            if (errno != EINTR) return fail(posix_error("read " + path_, errno));
        }
    }

  private:
    const int descriptor_;
    const std::string path_;
};

}  // namespace

Result<std::shared_ptr<documents::ByteSource>> open_body(const http::SpooledBody& body) {
    if (body.path().empty())
        return std::shared_ptr<documents::ByteSource>(documents::source_of(std::string()));
    const int descriptor = ::open(body.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) {
        Error error = posix_error("open " + body.path(), errno);
        error.code = ErrorCode::io;  // a lost file is our fault, not a missing document
        return fail(std::move(error));
    }
    return std::make_shared<FileSource>(descriptor, body.path());
}

}  // namespace davenport::api::couchdb
