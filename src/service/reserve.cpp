#include "davenport/service/reserve.hpp"

#include "davenport/base/random.hpp"

#include <spdlog/spdlog.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <optional>

namespace davenport::service {
namespace {

// The file, locked against other threads and processes.
class LockedFile {
  public:
    LockedFile(const std::string& path, int flags)
        : descriptor_(open(path.c_str(), O_RDWR | O_CLOEXEC | flags, 0600)) {
        if (descriptor_ >= 0 && flock(descriptor_, LOCK_EX) != 0) close_keeping_errno();
    }
    LockedFile(const LockedFile&) = delete;
    ~LockedFile() { close_keeping_errno(); }

    explicit operator bool() const { return descriptor_ >= 0; }
    int get() const { return descriptor_; }
    std::uint64_t size() const {
        struct stat seen {};
        return fstat(descriptor_, &seen) == 0 ? static_cast<std::uint64_t>(seen.st_size) : 0;
    }
    bool resize(std::uint64_t bytes) const {
        return ftruncate(descriptor_, static_cast<off_t>(bytes)) == 0 && fsync(descriptor_) == 0;
    }

  private:
    void close_keeping_errno() {
        const int error = errno;
        if (descriptor_ >= 0) close(descriptor_);
        descriptor_ = -1;
        errno = error;
    }
    int descriptor_;
};

// Bytes that no file system can make smaller, for those that can't allocate without writing.
bool fill(int file, std::uint64_t bytes) {
    const std::string noise = random_bytes(1 << 20);
    for (std::uint64_t at = 0; at < bytes;) {
        const std::size_t piece = std::min<std::uint64_t>(noise.size(), bytes - at);
        const ssize_t written = pwrite(file, noise.data(), piece, static_cast<off_t>(at));
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return false;
        at += static_cast<std::uint64_t>(written);
    }
    return true;
}

bool allocate(int file, std::uint64_t bytes) {
    if (fallocate(file, 0, 0, static_cast<off_t>(bytes)) == 0) return fsync(file) == 0;
    if (errno != EOPNOTSUPP && errno != ENOSYS) return false;
    return fill(file, bytes) && fsync(file) == 0;
}

std::optional<std::uint64_t> size_of(const std::string& path) {
    struct stat seen {};
    if (stat(path.c_str(), &seen) != 0) return std::nullopt;
    return static_cast<std::uint64_t>(seen.st_size);
}

std::uint64_t free_bytes(const std::string& directory) {
    struct statvfs disk {};
    if (statvfs(directory.c_str(), &disk) != 0) return 0;
    return std::uint64_t{disk.f_bavail} * disk.f_frsize;
}

}  // namespace

Reserve::Reserve(std::string directory, std::uint64_t bytes)
    : directory_(std::move(directory)), path_(directory_ + "/reserve"), bytes_(bytes) {
    if (bytes_ == 0) unlink(path_.c_str());
    make();
}

std::uint64_t Reserve::held() const {
    return std::min(size_of(path_).value_or(0), bytes_);
}

bool Reserve::is_given_up() const {
    const auto size = size_of(path_);
    return size && *size < bytes_;
}

void Reserve::make() {
    const auto seen = size_of(path_);
    if (bytes_ == 0 || seen == bytes_) return;
    const std::lock_guard lock(mutex_);
    if (const std::uint64_t free = free_bytes(directory_); seen < bytes_ && free / 2 < bytes_)
        return tell_missing(fmt::format("{} bytes are free", free));
    const LockedFile file(path_, O_CREAT);
    if (!file) return tell_missing(posix_error(path_, errno).message);
    const std::uint64_t size = file.size();
    if (size < bytes_ && !allocate(file.get(), bytes_)) {
        const std::string why = posix_error(path_, errno).message;
        // Without the file nothing is refused; an empty one says that it was given up.
        if (seen)
            file.resize(0);
        else
            unlink(path_.c_str());
        return tell_missing(why);
    }
    if (size > bytes_) file.resize(bytes_);
    if (told_missing_) spdlog::info("the reserve of {} bytes on the disk is there again", bytes_);
    told_missing_ = false;
}

void Reserve::tell_missing(const std::string& why) {
    if (!told_missing_)
        spdlog::warn(
            "no reserve of {} bytes for a full disk in {} now, tried again later ({} must be "
            "free): {}",
            bytes_, directory_, 2 * bytes_, why);
    told_missing_ = true;
}

Result<> Reserve::room_for_data() {
    if (!is_given_up()) return {};
    make();
    if (!is_given_up()) return {};
    return fail(ErrorCode::no_space,
                "no space left on the disk: what is left is kept for records and for removing "
                "backups, until {} bytes are free",
                2 * bytes_);
}

bool Reserve::give_up() {
    if (bytes_ == 0) return false;
    const std::lock_guard lock(mutex_);
    const LockedFile file(path_, 0);
    if (!file) return false;
    if (file.size() == 0) return true;
    if (!file.resize(0)) return false;
    spdlog::warn(
        "the disk of {} is full: its reserve of {} bytes is given up for records and for removing "
        "backups; data is refused until {} bytes are free",
        directory_, bytes_, 2 * bytes_);
    told_missing_ = true;
    return true;
}

}  // namespace davenport::service
