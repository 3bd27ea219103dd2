#include "segment_format.hpp"

#include "byte_order.hpp"
#include "davenport/vault/keys.hpp"
#include "nonces.hpp"
#include "record_format.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

constexpr std::string_view header_magic = "DAVENSEG";
constexpr std::string_view footer_magic = "DAVENEND";
constexpr std::uint32_t zstd_flag = 1;
constexpr std::uint32_t encrypted_flag = 1;
constexpr std::size_t min_sealed_ids = 2 + 1 + 1 + 16;  // two short ids and the tag

bool all_zero(std::string_view bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == 0; });
}

Sha256Digest load_digest(const char* from) {
    Sha256Digest digest;
    std::memcpy(digest.data(), from, digest.size());
    return digest;
}

Result<> check_version(std::uint16_t version) {
    if (version != segment_version)
        return fail(ErrorCode::unsupported, "segment format {} (this program knows {})", version,
                    segment_version);
    return {};
}

}  // namespace

std::string encode_header(std::string_view key_field) {
    std::string bytes(header_magic);
    append_integer(bytes, segment_version);
    append_integer(bytes, static_cast<std::uint16_t>(header_bytes + key_field.size()));
    append_integer(bytes, key_field.empty() ? 0U : encrypted_flag);
    append_integer(bytes, static_cast<std::uint32_t>(key_field.size()));
    bytes.append(header_bytes - bytes.size(), '\0');
    bytes += key_field;
    return bytes;
}

std::size_t header_length(std::string_view bytes) {
    if (bytes.size() < header_bytes || !bytes.starts_with(header_magic)) return 0;
    const std::size_t length = load<std::uint16_t>(bytes.data() + 10);
    return length >= header_bytes && length <= max_header_bytes ? length : 0;
}

Result<Encryption> decode_header(std::string_view bytes) {
    if (bytes.size() < header_bytes || !bytes.starts_with(header_magic))
        return fail(ErrorCode::corrupt, "no segment header");
    DAVENPORT_TRY(check_version(load<std::uint16_t>(bytes.data() + 8)));
    const auto flags = load<std::uint32_t>(bytes.data() + 12);
    if ((flags & ~encrypted_flag) != 0)
        return fail(ErrorCode::unsupported,
                    "segment flags 0x{:x}, which this program does not know", flags);
    const std::size_t key_field = flags == 0 ? 0 : key_field_bytes;
    if (header_length(bytes) != header_bytes + key_field || bytes.size() != header_length(bytes) ||
        load<std::uint32_t>(bytes.data() + 16) != key_field ||
        !all_zero(bytes.substr(20, header_bytes - 20)))
        return fail(ErrorCode::corrupt, "damaged segment header");
    return flags == 0 ? Encryption::none : Encryption::aes_256_gcm;
}

std::string_view key_field_of(std::string_view header) {
    if (header.size() < header_bytes + key_field_bytes || !header.starts_with(header_magic) ||
        load<std::uint32_t>(header.data() + 12) != encrypted_flag)
        return {};
    return header.substr(header_bytes, key_field_bytes);
}

void append_entry(std::string& index, const FrameEntry& entry) {
    const bool sealed = !entry.sealed_ids.empty();
    const std::size_t ids =
        sealed ? entry.sealed_ids.size() : entry.first_id.size() + entry.last_id.size();
    append_integer(index, static_cast<std::uint32_t>(entry_bytes + ids));
    append_integer(index, entry.compressed ? zstd_flag : 0U);
    append_integer(index, entry.offset);
    append_integer(index, entry.stored_length);
    append_integer(index, entry.raw_length);
    append_integer(index, entry.records);
    append_integer(index, std::uint32_t{0});
    index += as_bytes(entry.stored_sha256);
    index += as_bytes(entry.root);
    append_integer(index, static_cast<std::uint16_t>(sealed ? 0 : entry.first_id.size()));
    append_integer(index, static_cast<std::uint16_t>(sealed ? 0 : entry.last_id.size()));
    append_integer(index, std::uint32_t{0});
    index += as_bytes(entry.nonce);
    index += as_bytes(entry.tag);
    append_integer(index, std::uint32_t{0});
    if (sealed) {
        index += entry.sealed_ids;
    } else {
        index += entry.first_id;
        index += entry.last_id;
    }
}

std::size_t entry_length(std::string_view index) {
    if (index.size() < entry_bytes) return 0;
    const std::size_t length = load<std::uint32_t>(index.data());
    return length >= entry_bytes && length <= index.size() ? length : 0;
}

Result<FrameEntry> decode_entry(std::string_view index, std::size_t& position,
                                Encryption encryption) {
    const std::string_view rest = index.substr(position);
    const std::size_t length = entry_length(rest);
    if (length == 0) return fail(ErrorCode::corrupt, "the frame index is cut off");
    const char* at = rest.data();
    const bool sealed = encryption != Encryption::none;
    const std::size_t first_length = load<std::uint16_t>(at + 96);
    const std::size_t last_length = load<std::uint16_t>(at + 98);
    const bool right_length =
        sealed ? first_length == 0 && last_length == 0 && length >= entry_bytes + min_sealed_ids
               : length == entry_bytes + first_length + last_length;
    if (!right_length)
        return fail(ErrorCode::corrupt, "an entry of the frame index has a wrong length");
    const auto flags = load<std::uint32_t>(at + 4);
    if ((flags & ~zstd_flag) != 0)
        return fail(ErrorCode::unsupported, "frame flags 0x{:x}, which this program does not know",
                    flags);
    FrameEntry entry;
    entry.compressed = (flags & zstd_flag) != 0;
    entry.offset = load<std::uint64_t>(at + 8);
    entry.stored_length = load<std::uint32_t>(at + 16);
    entry.raw_length = load<std::uint32_t>(at + 20);
    entry.records = load<std::uint32_t>(at + 24);
    entry.stored_sha256 = load_digest(at + 32);
    entry.root = load_digest(at + 64);
    std::memcpy(entry.nonce.data(), at + 104, entry.nonce.size());
    std::memcpy(entry.tag.data(), at + 116, entry.tag.size());
    if (sealed) {
        entry.sealed_ids = rest.substr(entry_bytes, length - entry_bytes);
    } else {
        entry.first_id = rest.substr(entry_bytes, first_length);
        entry.last_id = rest.substr(entry_bytes + first_length, last_length);
    }
    const bool sound =
        load<std::uint32_t>(at + 28) == 0 && load<std::uint32_t>(at + 100) == 0 &&
        all_zero(rest.substr(132, 4)) && (sealed || all_zero(rest.substr(104, 28))) &&
        entry.raw_length <= max_record_bytes && entry.stored_length <= entry.raw_length &&
        entry.records >= 1 && entry.raw_length / record_header_bytes >= entry.records &&
        (sealed || (!entry.first_id.empty() && entry.first_id <= entry.last_id)) &&
        (entry.compressed || entry.stored_length == entry.raw_length);
    if (!sound) return fail(ErrorCode::corrupt, "an entry of the frame index makes no sense");
    position += length;
    return entry;
}

std::string seal_ids(crypto::Aead& aead, std::string_view header, std::uint64_t frame,
                     std::string_view first_id, std::string_view last_id) {
    std::string ids;
    append_integer(ids, static_cast<std::uint16_t>(first_id.size()));
    ids += first_id;
    ids += last_id;
    const crypto::Tag tag = aead.encrypt(nonce_of(Sealed::ids, frame), header, ids, ids.data());
    ids += as_bytes(tag);
    return ids;
}

Result<> open_ids(crypto::Aead& aead, std::string_view header, std::uint64_t frame,
                  FrameEntry& entry, std::string& to) {
    crypto::Tag tag;
    const std::size_t length = entry.sealed_ids.size() - tag.size();
    std::memcpy(tag.data(), entry.sealed_ids.data() + length, tag.size());
    const std::size_t start = to.size();
    to.resize(start + length);
    DAVENPORT_TRY(aead.decrypt(nonce_of(Sealed::ids, frame), header,
                               entry.sealed_ids.substr(0, length), tag, to.data() + start));
    const std::string_view ids = std::string_view(to).substr(start + 2);
    const std::size_t first_length = load<std::uint16_t>(to.data() + start);
    if (first_length > ids.size())
        return fail(ErrorCode::corrupt, "an entry of the frame index makes no sense");
    entry.first_id = ids.substr(0, first_length);
    entry.last_id = ids.substr(first_length);
    if (entry.first_id.empty() || entry.first_id > entry.last_id)
        return fail(ErrorCode::corrupt, "an entry of the frame index makes no sense");
    return {};
}

std::string encode_footer(const Footer& footer) {
    std::string bytes;
    for (const std::uint64_t number :
         {footer.records, footer.tombstones, footer.raw_bytes, footer.frames, footer.index_offset,
          footer.index_length, footer.attachments_offset, footer.attachments_length})
        append_integer(bytes, number);
    bytes += as_bytes(footer.attachments_sha256);
    bytes.append(64, '\0');
    append_integer(bytes, segment_version);
    append_integer(bytes, static_cast<std::uint16_t>(footer_bytes));
    append_integer(bytes, std::uint32_t{0});
    bytes += as_bytes(footer.root);
    bytes += footer_magic;
    return bytes;
}

Result<Footer> decode_footer(std::string_view bytes, std::uint64_t blob_size) {
    if (bytes.size() != footer_bytes || !bytes.ends_with(footer_magic))
        return fail(ErrorCode::corrupt, "no segment footer: the end is missing or damaged");
    const char* at = bytes.data();
    DAVENPORT_TRY(check_version(load<std::uint16_t>(at + 160)));
    Footer footer;
    footer.records = load<std::uint64_t>(at);
    footer.tombstones = load<std::uint64_t>(at + 8);
    footer.raw_bytes = load<std::uint64_t>(at + 16);
    footer.frames = load<std::uint64_t>(at + 24);
    footer.index_offset = load<std::uint64_t>(at + 32);
    footer.index_length = load<std::uint64_t>(at + 40);
    footer.attachments_offset = load<std::uint64_t>(at + 48);
    footer.attachments_length = load<std::uint64_t>(at + 56);
    footer.attachments_sha256 = load_digest(at + 64);
    footer.root = load_digest(at + 168);
    // Each term is bounded before the next one is computed, so that no sum can wrap around.
    const bool sound =
        all_zero(bytes.substr(96, 64)) && load<std::uint16_t>(at + 162) == footer_bytes &&
        load<std::uint32_t>(at + 164) == 0 && footer.tombstones <= footer.records &&
        footer.index_length <= max_index_bytes &&
        footer.attachments_length <= max_attachment_list_bytes &&
        footer.attachments_length % 32 == 0 && footer.frames >= 1 &&
        footer.frames <= footer.index_length / entry_bytes && footer.records >= footer.frames &&
        footer.index_offset >= header_bytes && footer.index_offset <= blob_size &&
        footer.attachments_offset == footer.index_offset + footer.index_length &&
        footer.attachments_offset + footer.attachments_length + footer_bytes == blob_size;
    if (!sound) return fail(ErrorCode::corrupt, "the segment footer makes no sense");
    return footer;
}

}  // namespace davenport::vault
