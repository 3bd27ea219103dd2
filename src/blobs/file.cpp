#include "file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

namespace davenport::blobs {

File::~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

Result<> File::close(std::string_view path) {
    // On Linux the descriptor is gone whatever close() says, EINTR included.
    if (::close(std::exchange(descriptor_, -1)) != 0 && errno != EINTR)
        return fail(posix_error(path, errno));
    return {};
}

Result<> write_fully(const File& file, std::string_view bytes, std::string_view path) {
    while (!bytes.empty()) {
        const ssize_t written = ::write(file.get(), bytes.data(), bytes.size());
        if (written < 0) {
            if (errno == EINTR) continue;
            return fail(posix_error(path, errno));
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

Result<> sync_file(const File& file, std::string_view path) {
    if (::fsync(file.get()) != 0) return fail(posix_error(path, errno));
    return {};
}

Result<> sync_directory(const std::string& path) {
    const File directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open()) return fail(posix_error(path, errno));
    return sync_file(directory, path);
}

Result<> make_directories(const std::string& path) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) {
        if (S_ISDIR(status.st_mode)) return {};
        return fail(posix_error(path, ENOTDIR));
    }
    if (errno != ENOENT) return fail(posix_error(path, errno));
    const std::filesystem::path whole(path);
    const std::string parent = whole.has_parent_path() ? whole.parent_path().string() : ".";
    if (parent == path) return fail(posix_error(path, ENOENT));
    DAVENPORT_TRY(make_directories(parent));
    // Documents hold secrets, so nobody but the owner gets in.
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return fail(posix_error(path, errno));
    return sync_directory(parent);
}

}  // namespace davenport::blobs
