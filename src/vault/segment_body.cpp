#include "segment_body.hpp"

#include "davenport/base/encoding.hpp"
#include "nonces.hpp"
#include "record_format.hpp"

namespace davenport::vault {

Result<std::unique_ptr<SegmentBody>> SegmentBody::create(blobs::BlobStore& store,
                                                         const SegmentOptions& options) {
    std::optional<Compressor> compressor;
    if (options.compression == Compression::zstd) {
        DAVENPORT_ASSIGN(compressor, Compressor::create(options.zstd_level));
    }
    DAVENPORT_ASSIGN(auto blob, store.create());
    std::unique_ptr<SegmentBody> body(
        new SegmentBody(store, std::move(blob), std::move(compressor)));
    std::string key_field;
    if (options.keys && options.keys->encrypts()) {
        DAVENPORT_ASSIGN(Keys::DataKey key, options.keys->make(Keys::Memory::keep));
        body->keys_ = options.keys;
        body->aead_.emplace(key.secret);
        key_field = std::move(key.field);
    }
    body->header_ = encode_header(key_field);
    DAVENPORT_TRY(body->blob_->append(body->header_));
    body->parts_.add(body->header_);
    return body;
}

// After compression: what is encrypted does not get shorter any more.
std::string_view SegmentBody::encrypt(std::string_view stored, FrameEntry& entry) {
    const std::uint64_t frame = footer_.frames;
    encrypted_.resize(stored.size());
    entry.nonce = nonce_of(Sealed::frame, frame);
    entry.tag = aead_->encrypt(entry.nonce, header_, stored, encrypted_.data());
    sealed_ids_ = seal_ids(*aead_, header_, frame, entry.first_id, entry.last_id);
    entry.sealed_ids = sealed_ids_;
    return encrypted_;
}

Result<> SegmentBody::add(const RawFrame& frame) {
    // The records are found by decoding them: what was just encoded is checked on its way out.
    const std::string_view raw = frame.bytes;
    Record record;
    std::uint32_t records = 0;
    for (std::size_t position = 0; position < raw.size(); ++records) {
        const std::size_t start = position;
        if (!decode_record(raw, position, record))
            return fail(ErrorCode::internal, "a record changed in memory while it was written");
        records_.add(raw.substr(start, position - start));
    }
    if (records != frame.records || record.id != frame.last_id)
        return fail(ErrorCode::internal, "a frame changed in memory while it was written");
    std::string_view stored;
    if (compressor_) {
        DAVENPORT_ASSIGN(stored, compressor_->compress(raw));
    }
    FrameEntry entry;
    entry.compressed = !stored.empty();
    if (!entry.compressed) stored = raw;
    entry.offset = blob_->size();
    entry.stored_length = static_cast<std::uint32_t>(stored.size());
    entry.raw_length = static_cast<std::uint32_t>(raw.size());
    entry.records = records;
    entry.first_id = frame.first_id;
    entry.last_id = frame.last_id;
    if (aead_) stored = encrypt(stored, entry);
    entry.stored_sha256 = stored_hash_.update(stored).finish();
    entry.root = records_.take_root();
    const std::size_t start = index_.size();
    append_entry(index_, entry);
    if (index_.size() > max_index_bytes)
        return fail(ErrorCode::too_large, "the frame index of a segment would exceed {} bytes",
                    max_index_bytes);
    parts_.add(std::string_view(index_).substr(start));
    footer_.records += records;
    footer_.raw_bytes += raw.size();
    ++footer_.frames;
    return blob_->append(stored);
}

Result<SegmentReference> SegmentBody::finish(std::uint64_t tombstones,
                                             const std::vector<Sha256Digest>& attachments) {
    std::string list;
    list.reserve(attachments.size() * 32);
    for (const Sha256Digest& digest : attachments) list += as_bytes(digest);
    if (list.size() > max_attachment_list_bytes)
        return fail(ErrorCode::too_large, "a segment would refer to {} attachments",
                    attachments.size());
    footer_.tombstones = tombstones;
    footer_.index_offset = blob_->size();
    footer_.index_length = index_.size();
    footer_.attachments_offset = footer_.index_offset + footer_.index_length;
    footer_.attachments_length = list.size();
    footer_.attachments_sha256 = sha256(list);
    parts_.add(std::string_view(encode_footer(footer_)).substr(0, footer_bound_bytes));
    footer_.root = parts_.take_root();
    DAVENPORT_TRY(blob_->append(index_));
    DAVENPORT_TRY(blob_->append(list));
    DAVENPORT_TRY(blob_->append(encode_footer(footer_)));

    SegmentReference reference;
    reference.root = to_hex(as_bytes(footer_.root));
    reference.name = "segments/" + reference.root;
    reference.records = footer_.records;
    reference.tombstones = tombstones;
    reference.stored_bytes = blob_->size();
    reference.raw_bytes = footer_.raw_bytes;
    DAVENPORT_TRY(commit(reference));
    if (keys_) DAVENPORT_TRY(keys_->keep_stored());
    return reference;
}

Result<> SegmentBody::commit(const SegmentReference& reference) {
    // Equal content has an equal name; but what stands there may have been damaged since. What is
    // not there must not be removed: another writer of the same content may commit it at any
    // moment.
    if (const auto blob = store_.open(reference.name)) {
        auto existing = SegmentReader::open(store_, reference);
        bool sound = false;
        if (existing) {
            DAVENPORT_ASSIGN(const auto damage, (*existing)->verify());
            sound = damage.empty();
        } else if (existing.error().code != ErrorCode::corrupt) {
            return fail(std::move(existing).error());
        }
        if (!sound) DAVENPORT_TRY(store_.remove(reference.name));
    } else if (blob.error().code != ErrorCode::not_found) {
        return fail(blob.error());
    }
    auto committed = blob_->commit(reference.name);
    // It was there, or another writer of the same content came first, a moment ago; now it is
    // durable whoever wrote it.
    if (!committed && committed.error().code == ErrorCode::already_exists) {
        DAVENPORT_TRY(SegmentReader::open(store_, reference));
        return {};
    }
    return committed;
}

}  // namespace davenport::vault
