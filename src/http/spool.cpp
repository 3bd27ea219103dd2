#include "spool.hpp"

#include "davenport/base/file.hpp"
#include "davenport/base/random.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <filesystem>

namespace davenport::http {
namespace {

constexpr std::string_view prefix = "upload-";
constexpr std::string_view suffix = ".part";
constexpr std::chrono::hours longest_use{24};  // of a spooled body, after its last byte came

}  // namespace

SpooledBody& SpooledBody::operator=(SpooledBody&& other) noexcept {
    if (this != &other) {
        SpooledBody old(std::move(*this));
        path_ = std::exchange(other.path_, {});
        size_ = other.size_;
    }
    return *this;
}

SpooledBody::~SpooledBody() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

Result<> SpooledBody::keep_as(const std::string& path) {
    if (path_.empty()) return fail(ErrorCode::invalid_argument, "there is no spooled body to keep");
    DAVENPORT_TRY(move_durably(path_, path));
    path_.clear();  // from here on the file is the caller's
    return {};
}

Result<SpoolFile> SpoolFile::create(const std::string& directory) {
    std::string path = fmt::format("{}/{}{}{}", directory, prefix, random_hex(24), suffix);
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) return fail(posix_error(path, errno));
    return SpoolFile(std::move(path), descriptor);
}

SpoolFile::SpoolFile(SpoolFile&& other) noexcept
    : path_(std::exchange(other.path_, {})),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_) {}

SpoolFile::~SpoolFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!path_.empty()) ::unlink(path_.c_str());
}

Result<> SpoolFile::append(std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(descriptor_, bytes.data(), bytes.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return fail(posix_error(path_, errno));
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
        size_ += static_cast<std::uint64_t>(written);
    }
    return {};
}

SpooledBody SpoolFile::finish() {
    ::close(std::exchange(descriptor_, -1));
    return SpooledBody(std::exchange(path_, {}), size_);
}

namespace {

Result<> sweep(const std::string& directory, HeldDirectory::Others others) {
    const auto oldest = std::filesystem::file_time_type::clock::now() - longest_use;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
        const std::string name = entry->path().filename().string();
        if (!name.starts_with(prefix)) continue;  // also what readers of an upload put beside it
        std::error_code gone;
        const auto changed = std::filesystem::last_write_time(entry->path(), gone);
        if (gone || (others == HeldDirectory::Others::maybe && changed > oldest)) continue;
        if (::unlink(entry->path().c_str()) != 0 && errno != ENOENT)
            return fail(posix_error(entry->path().string(), errno));
    }
    if (error) return fail(posix_error("spool directory " + directory, error.value()));
    return {};
}

}  // namespace

Result<HeldDirectory> hold_spool_directory(const std::string& directory) {
    return HeldDirectory::hold(
        directory, [&](HeldDirectory::Others others) { return sweep(directory, others); });
}

}  // namespace davenport::http
