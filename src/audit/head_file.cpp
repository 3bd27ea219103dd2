#include "head_file.hpp"

#include "davenport/base/random.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace davenport::audit {
namespace {

Result<> sync_directory(const std::string& path) {
    const int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return fail(posix_error("can't open " + path, errno));
    const bool synced = fsync(directory) == 0;
    const int error = errno;
    close(directory);
    if (!synced) return fail(posix_error("can't sync " + path, error));
    return {};
}

}  // namespace

Result<std::optional<std::string>> read_small_file(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file && errno == ENOENT) return std::optional<std::string>();
    std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    if (!file) return fail(posix_error("can't read " + path, errno));
    return std::optional(std::move(text));
}

Result<> replace_small_file(const std::string& path, std::string_view text) {
    const std::string draft = fmt::format("{}.{}", path, random_token(8));
    const int file = open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (file < 0) return fail(posix_error("can't make " + draft, errno));
    const bool written =
        write(file, text.data(), text.size()) == ssize_t(text.size()) && fsync(file) == 0;
    const int error = errno;
    close(file);
    if (!written || std::rename(draft.c_str(), path.c_str()) != 0) {
        const int reason = written ? errno : error;
        unlink(draft.c_str());
        return fail(posix_error("can't write " + path, reason));
    }
    return sync_directory(std::filesystem::path(path).parent_path().string());
}

}  // namespace davenport::audit
