#include "davenport/base/file.hpp"

#include "davenport/base/random.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>

namespace davenport {
namespace {

std::string directory_of(const std::string& path) {
    const std::string parent = std::filesystem::path(path).parent_path().string();
    return parent.empty() ? "." : parent;
}

Result<> write_synced(const std::string& path, std::string_view bytes) {
    File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!file.is_open()) return fail(posix_error("can't make " + path, errno));
    DAVENPORT_TRY(write_fully(file, bytes, path));
    DAVENPORT_TRY(sync_file(file, path));
    return file.close(path);
}

// Written under another name, which then takes or joins that of the path: nobody reads half a file.
template <class Name>
Result<> write_whole(const std::string& path, std::string_view bytes, Name name) {
    const std::string draft = fmt::format("{}.{}", path, random_token(8));
    Result<> written = write_synced(draft, bytes);
    if (written && name(draft.c_str(), path.c_str()) != 0)
        written = fail(posix_error("can't write " + path, errno));
    ::unlink(draft.c_str());
    DAVENPORT_TRY(written);
    return sync_directory(directory_of(path));
}

}  // namespace

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

Result<> make_private_directory(const std::string& path) {
    DAVENPORT_TRY(make_directories(path));
    if (::chmod(path.c_str(), 0700) != 0) return fail(posix_error("can't protect " + path, errno));
    return {};
}

Result<std::string> read_file(const std::string& path, std::uint64_t limit) {
    const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.is_open()) return fail(posix_error("can't read " + path, errno));
    std::string text;
    for (std::size_t size = 0;;) {
        text.resize(std::min<std::uint64_t>(std::max<std::size_t>(2 * size, 4096), limit + 1));
        const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail(posix_error("can't read " + path, errno));
        size += static_cast<std::size_t>(got);
        if (size > limit)
            return fail(ErrorCode::too_large, "{} is longer than {} bytes", path, limit);
        if (got > 0) continue;
        text.resize(size);
        return text;
    }
}

Result<> replace_file(const std::string& path, std::string_view bytes) {
    return write_whole(path, bytes, ::rename);
}

Result<> create_file(const std::string& path, std::string_view bytes) {
    return write_whole(path, bytes, ::link);
}

Result<> move_durably(const std::string& from, const std::string& to) {
    {
        const File file(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
        if (!file.is_open()) return fail(posix_error(from, errno));
        DAVENPORT_TRY(sync_file(file, from));
    }
    if (::rename(from.c_str(), to.c_str()) != 0) return fail(posix_error(to, errno));
    return sync_directory(directory_of(to));
}

}  // namespace davenport
