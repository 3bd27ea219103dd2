#include "opened_segment.hpp"

#include "davenport/base/encoding.hpp"
#include "merkle.hpp"
#include "nonces.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

// One read gets the footer and, of most segments, the whole index.
constexpr std::uint64_t tail_bytes = 64 * 1024;

}  // namespace

Result<std::unique_ptr<const OpenedSegment>> OpenedSegment::open(const blobs::BlobStore& store,
                                                                 const SegmentReference& reference,
                                                                 const Keys* keys) {
    std::unique_ptr<OpenedSegment> segment(new OpenedSegment);
    auto blob = store.open(reference.name);
    // Whoever holds a reference was promised the segment: its absence is damage, not a question.
    if (!blob && blob.error().code == ErrorCode::not_found)
        return fail(ErrorCode::corrupt, "{} is missing", reference.name);
    if (!blob) return fail(std::move(blob).error());
    segment->blob_ = std::move(*blob);
    segment->reference_ = reference;
    auto read = segment->read_parts();
    if (read && segment->encrypted()) {
        auto key = keys ? keys->open(key_field_of(segment->header_))
                        : Result<crypto::Secret>(fail(ErrorCode::locked, "it is encrypted"));
        if (key) {
            segment->key_ = *key;
            read = segment->decrypt_ids();
        } else if (key.error().code == ErrorCode::locked ||
                   key.error().code == ErrorCode::corrupt) {
            // The segment itself is as it was written.
            segment->lock_ = std::move(key).error();
            segment->lock_->message =
                fmt::format("{}: {}", reference.name, segment->lock_->message);
        } else {
            read = fail(std::move(key).error());
        }
    }
    if (!read) {
        Error error = std::move(read).error();
        error.message = fmt::format("{}: {}", reference.name, error.message);
        return fail(std::move(error));
    }
    return std::unique_ptr<const OpenedSegment>(std::move(segment));
}

// What the root binds is compared with it before any of it is interpreted, so that damage is never
// taken for a later format.
Result<> OpenedSegment::read_parts() {
    if (blob_->size() < header_bytes + footer_bytes)
        return fail(ErrorCode::corrupt, "{} bytes are too few for a segment", blob_->size());
    if (blob_->size() != reference_.stored_bytes)
        return fail(ErrorCode::corrupt, "it has {} bytes instead of {}", blob_->size(),
                    reference_.stored_bytes);
    DAVENPORT_TRY(blob_->read(0, header_bytes, header_));
    if (header_.size() != header_bytes) return fail(ErrorCode::corrupt, "its header is cut off");
    const std::size_t length = header_length(header_);
    if (length == 0 || blob_->size() < length + footer_bytes)
        return fail(ErrorCode::corrupt, "its header is damaged");
    if (length > header_bytes) DAVENPORT_TRY(blob_->read(0, length, header_));
    std::string tail;
    DAVENPORT_TRY(read_footer(tail));
    DAVENPORT_TRY(check_reference());
    DAVENPORT_TRY(read_index(tail));
    DAVENPORT_TRY(check_root());
    DAVENPORT_ASSIGN(encryption_, decode_header(header_));
    return decode_frames();
}

Result<> OpenedSegment::read_footer(std::string& tail) {
    const std::uint64_t size = blob_->size();
    const auto length = static_cast<std::size_t>(std::min(size, tail_bytes));
    DAVENPORT_TRY(blob_->read(size - length, length, tail));
    if (tail.size() != length) return fail(ErrorCode::corrupt, "its end is cut off");
    const std::string_view bytes = std::string_view(tail).substr(tail.size() - footer_bytes);
    auto footer = decode_footer(bytes, size);
    // Both ends name the version; only where they agree it is one.
    if (!footer && footer.error().code == ErrorCode::unsupported &&
        header_.compare(8, 2, bytes.substr(160, 2)) != 0)
        return fail(ErrorCode::corrupt, "its header and its footer name different formats");
    if (!footer) return fail(std::move(footer).error());
    footer_ = *footer;
    bound_footer_ = bytes.substr(0, footer_bound_bytes);
    return {};
}

Result<> OpenedSegment::check_reference() const {
    if (to_hex(as_bytes(footer_.root)) != reference_.root)
        return fail(ErrorCode::corrupt, "it holds another segment than the one that was backed up");
    if (footer_.records != reference_.records || footer_.tombstones != reference_.tombstones ||
        footer_.raw_bytes != reference_.raw_bytes)
        return fail(ErrorCode::corrupt, "its counts are not those of the backup");
    return {};
}

Result<> OpenedSegment::read_index(std::string_view tail) {
    const std::uint64_t from_end = blob_->size() - footer_.index_offset;
    if (from_end <= tail.size()) {
        index_ = tail.substr(tail.size() - static_cast<std::size_t>(from_end),
                             static_cast<std::size_t>(footer_.index_length));
        return {};
    }
    const auto length = static_cast<std::size_t>(footer_.index_length);
    DAVENPORT_TRY(blob_->read(footer_.index_offset, length, index_));
    if (index_.size() != length) return fail(ErrorCode::corrupt, "its index is cut off");
    return {};
}

Result<> OpenedSegment::check_root() const {
    MerkleTree parts;
    parts.add(header_);
    for (std::string_view rest = index_; !rest.empty();) {
        const std::size_t length = entry_length(rest);
        if (length == 0) return fail(ErrorCode::corrupt, "its index is damaged");
        parts.add(rest.substr(0, length));
        rest.remove_prefix(length);
    }
    parts.add(bound_footer_);
    if (parts.take_root() != footer_.root)
        return fail(ErrorCode::corrupt, "its header, index or footer was changed");
    return {};
}

Result<> OpenedSegment::decode_frames() {
    frames_.reserve(static_cast<std::size_t>(footer_.frames));
    std::uint64_t offset = header_.size();
    std::uint64_t records = 0;
    std::uint64_t raw_bytes = 0;
    for (std::size_t position = 0; position < index_.size();) {
        DAVENPORT_ASSIGN(const FrameEntry entry, decode_entry(index_, position, encryption_));
        if (entry.offset != offset || entry.stored_length > footer_.index_offset - offset ||
            (!encrypted() && !frames_.empty() && entry.first_id <= frames_.back().last_id))
            return fail(ErrorCode::corrupt, "its frames do not follow one another");
        offset += entry.stored_length;
        records += entry.records;
        raw_bytes += entry.raw_length;
        frames_.push_back(entry);
    }
    if (offset != footer_.index_offset || frames_.size() != footer_.frames ||
        records != footer_.records || raw_bytes != footer_.raw_bytes)
        return fail(ErrorCode::corrupt, "its index and its footer contradict each other");
    return {};
}

Result<> OpenedSegment::decrypt_ids() {
    crypto::Aead aead(*key_);
    ids_.reserve(index_.size());
    for (std::size_t number = 0; number < frames_.size(); ++number) {
        FrameEntry& frame = frames_[number];
        DAVENPORT_TRY(open_ids(aead, header_, number, frame, ids_));
        if (number > 0 && frame.first_id <= frames_[number - 1].last_id)
            return fail(ErrorCode::corrupt, "its frames do not follow one another");
    }
    return {};
}

Error OpenedSegment::damaged(std::size_t frame, std::string_view reason) const {
    return {ErrorCode::corrupt,
            fmt::format("{}: the documents from '{}' to '{}' are damaged: {}", reference_.name,
                        frames_[frame].first_id, frames_[frame].last_id, reason),
            {}};
}

Result<> OpenedSegment::read_stored(std::size_t number, std::string& stored) const {
    const FrameEntry& frame = frames_[number];
    DAVENPORT_TRY(blob_->read(frame.offset, frame.stored_length, stored));
    if (stored.size() != frame.stored_length || sha256(stored) != frame.stored_sha256)
        return fail(ErrorCode::corrupt, "the stored bytes are not what was written");
    return {};
}

Result<> OpenedSegment::read_frame(std::size_t number, Decompressor& decompressor,
                                   std::string& stored, std::string& raw) const {
    if (lock_) return fail(*lock_);
    const FrameEntry& frame = frames_[number];
    // What is not compressed is read where it is needed.
    std::string& bytes = frame.compressed ? stored : raw;
    DAVENPORT_TRY(read_stored(number, bytes));
    if (key_) {
        // The nonce follows from the place; any other would be none of this program's.
        if (frame.nonce != nonce_of(Sealed::frame, number))
            return fail(ErrorCode::corrupt, "its nonce is that of another frame");
        DAVENPORT_TRY(
            crypto::Aead(*key_).decrypt(frame.nonce, header_, bytes, frame.tag, bytes.data()));
    }
    if (!frame.compressed) return {};
    return decompressor.decompress(stored, frame.raw_length, raw);
}

std::vector<std::string_view> OpenedSegment::root_leaves() const {
    std::vector<std::string_view> leaves{header_};
    for (std::string_view rest = index_; !rest.empty();) {
        leaves.push_back(rest.substr(0, entry_length(rest)));
        rest.remove_prefix(leaves.back().size());
    }
    leaves.push_back(bound_footer_);
    return leaves;
}

Result<std::string> OpenedSegment::read_attachment_list() const {
    std::string list;
    DAVENPORT_TRY(blob_->read(footer_.attachments_offset,
                              static_cast<std::size_t>(footer_.attachments_length), list));
    if (list.size() != footer_.attachments_length || sha256(list) != footer_.attachments_sha256)
        return fail(ErrorCode::corrupt, "{}: the list of attachments was changed", reference_.name);
    return list;
}

}  // namespace davenport::vault
