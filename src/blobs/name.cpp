#include "davenport/blobs/blob_store.hpp"

namespace davenport::blobs {
namespace {

constexpr std::size_t max_name_bytes = 512;
constexpr std::size_t max_part_bytes = 255;  // a file system's usual limit

bool is_allowed(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

Result<> check_part(std::string_view part) {
    if (part.empty()) return fail(ErrorCode::invalid_argument, "a blob name has an empty part");
    if (part.size() > max_part_bytes)
        return fail(ErrorCode::invalid_argument, "a part of a blob name is longer than {} bytes",
                    max_part_bytes);
    if (part == "." || part == "..")
        return fail(ErrorCode::invalid_argument, "a blob name may not hold the part '{}'", part);
    for (const char c : part)
        if (!is_allowed(c))
            return fail(ErrorCode::invalid_argument, "a blob name may not hold the byte 0x{:02x}",
                        static_cast<unsigned char>(c));
    return {};
}

}  // namespace

Result<> check_name(std::string_view name) {
    if (name.size() > max_name_bytes)
        return fail(ErrorCode::invalid_argument, "a blob name of {} bytes is over the limit of {}",
                    name.size(), max_name_bytes);
    std::size_t start = 0;
    while (true) {
        const std::size_t slash = name.find('/', start);
        const std::string_view part = name.substr(start, slash - start);
        DAVENPORT_TRY(check_part(part));
        if (start == 0 && part == "tmp")
            return fail(ErrorCode::invalid_argument, "blob names may not begin with 'tmp'");
        if (slash == std::string_view::npos) return {};
        start = slash + 1;
    }
}

}  // namespace davenport::blobs
