#include "record_format.hpp"

#include "byte_order.hpp"

namespace davenport::vault {
namespace {

constexpr std::uint8_t tombstone_flag = 1;
constexpr std::size_t max_short_bytes = 65535;

}  // namespace

Result<std::size_t> encoded_size(const Record& record) {
    if (record.id.empty()) return fail(ErrorCode::internal, "a record without an id");
    if (record.id.size() > max_short_bytes || record.revision.size() > max_short_bytes)
        return fail(ErrorCode::too_large,
                    "the document '{}…' has an id or a revision of more than {} bytes",
                    record.id.substr(0, 64), max_short_bytes);
    std::size_t size = record_header_bytes + record.id.size() + record.revision.size();
    for (const std::string_view part : {record.body, record.attachments, record.extra}) {
        if (part.size() > max_record_bytes - size)
            return fail(ErrorCode::too_large, "the document '{}' is larger than {} bytes",
                        record.id, max_record_bytes);
        size += part.size();
    }
    return size;
}

void append_record(std::string& frame, const Record& record, std::size_t size) {
    const std::size_t start = frame.size();
    frame.resize(start + size);
    char* to = frame.data() + start;
    store(to, static_cast<std::uint16_t>(record.tombstone ? tombstone_flag : 0));
    store(to + 2, static_cast<std::uint16_t>(record.id.size()));
    store(to + 4, static_cast<std::uint16_t>(record.revision.size()));
    store(to + 6, std::uint16_t{0});
    store(to + 8, static_cast<std::uint32_t>(record.body.size()));
    store(to + 12, static_cast<std::uint32_t>(record.attachments.size()));
    store(to + 16, static_cast<std::uint32_t>(record.extra.size()));
    to += record_header_bytes;
    for (const std::string_view part :
         {record.id, record.revision, record.body, record.attachments, record.extra}) {
        part.copy(to, part.size());
        to += part.size();
    }
}

bool decode_record(std::string_view frame, std::size_t& position, Record& record) {
    if (position > frame.size() || frame.size() - position < record_header_bytes) return false;
    const char* header = frame.data() + position;
    const auto flags = load<std::uint16_t>(header);
    if (flags > tombstone_flag || load<std::uint16_t>(header + 6) != 0) return false;
    std::size_t at = position + record_header_bytes;
    std::size_t left = frame.size() - at;
    bool whole = true;
    const auto take = [&](std::size_t length) {
        if (length > left) {
            whole = false;
            return std::string_view();
        }
        const std::string_view part(frame.data() + at, length);
        at += length;
        left -= length;
        return part;
    };
    record.tombstone = flags == tombstone_flag;
    record.id = take(load<std::uint16_t>(header + 2));
    record.revision = take(load<std::uint16_t>(header + 4));
    record.body = take(load<std::uint32_t>(header + 8));
    record.attachments = take(load<std::uint32_t>(header + 12));
    record.extra = take(load<std::uint32_t>(header + 16));
    position = at;
    return whole && !record.id.empty();
}

}  // namespace davenport::vault
