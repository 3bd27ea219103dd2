#include "files.hpp"

#include "davenport/base/random.hpp"

#include <cerrno>
#include <cstdio>
#include <fstream>

namespace davenport::cli {

Result<std::string> read_file(const std::string& path, std::uint64_t limit) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(posix_error("can't read " + path, errno));
    std::string text;
    std::string chunk(256 * 1024, '\0');
    while (file) {
        file.read(chunk.data(), static_cast<std::streamsize>(chunk.size()));
        text.append(chunk, 0, static_cast<std::size_t>(file.gcount()));
        if (text.size() > limit)
            return fail(ErrorCode::too_large, "{} is longer than {} bytes", path, limit);
    }
    if (file.bad() || !file.eof()) return fail(ErrorCode::io, "can't read {} to its end", path);
    return text;
}

Result<> write_file(const std::string& path, std::string_view bytes) {
    const std::string draft = fmt::format("{}.{}", path, random_token(8));
    std::ofstream file(draft, std::ios::binary);
    if (!file) return fail(posix_error("can't write " + path, errno));
    file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    file.close();
    if (file && std::rename(draft.c_str(), path.c_str()) == 0) return {};
    const int error = errno;
    std::remove(draft.c_str());
    return fail(posix_error("can't write " + path, error));
}

}  // namespace davenport::cli
