#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/sealed_text.hpp"
#include "davenport/vault/proof.hpp"
#include "merkle.hpp"
#include "opened_segment.hpp"
#include "proof_format.hpp"
#include "record_format.hpp"
#include "vault_impl.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

json::string text_of(std::string_view text) {
    return json::string(text.data(), text.size());
}

json::array to_json(const std::vector<Sha256Digest>& path) {
    json::array array;
    for (const Sha256Digest& digest : path) array.emplace_back(text_of(to_hex(as_bytes(digest))));
    return array;
}

// Writes what one segment says about one id.
class SegmentProof {
  public:
    SegmentProof(const OpenedSegment& segment, std::string_view id) : segment_(segment), id_(id) {
        for (const std::string_view leaf : segment.root_leaves()) {
            leaves_.push_back(leaf);
            digests_.push_back(merkle_leaf(leaf));
        }
    }

    // How the segment answers; then json() shows it.
    Result<Claim> run() {
        const auto& frames = segment_.frames();
        const auto frame = std::lower_bound(
            frames.begin(), frames.end(), id_,
            [](const FrameEntry& entry, std::string_view id) { return entry.last_id < id; });
        const auto number = static_cast<std::size_t>(frame - frames.begin());
        if (frame != frames.end() && frame->first_id <= id_) return look_into(number);
        if (number > 0) DAVENPORT_TRY(add_position(number - 1, frames[number - 1].records - 1));
        if (frame != frames.end()) DAVENPORT_TRY(add_position(number, 0));
        return Claim::absent;
    }

    json::object json() {
        json::object object;
        object["root"] = text_of(segment_.reference().root);
        object["footer"] = text_of(to_base64(leaves_.back()));
        object["footer_path"] = to_json(merkle_path(digests_, digests_.size() - 1));
        object["frames"] = std::move(frames_);
        object["positions"] = std::move(positions_);
        return object;
    }

  private:
    enum class Content { needed, if_hidden };

    Result<Claim> look_into(std::size_t number) {
        DAVENPORT_TRY(read(number));
        const auto at = static_cast<std::size_t>(std::lower_bound(ids_.begin(), ids_.end(), id_) -
                                                 ids_.begin());
        if (at < ids_.size() && ids_[at] == id_) {
            DAVENPORT_TRY(add_position(number, at, Content::needed));
            return tombstones_[at] ? Claim::deleted : Claim::present;
        }
        DAVENPORT_TRY(add_position(number, at - 1));
        DAVENPORT_TRY(add_position(number, at));
        return Claim::absent;
    }

    // Where an id that is next to ours stands, or ours. Others' content is shown only where the
    // index does not tell their id.
    Result<> add_position(std::size_t number, std::size_t record,
                          Content content = Content::if_hidden) {
        add_frame(number);
        const FrameEntry& entry = segment_.frames()[number];
        json::object position;
        position["frame"] = number;
        position["record"] = record;
        const bool edge = record == 0 || record + 1 == entry.records;
        if (content == Content::needed || !edge || !shows_ids(number)) {
            DAVENPORT_TRY(read(number));
            position["bytes"] = text_of(to_base64(records_[record]));
            std::vector<Sha256Digest> digests;
            for (const std::string_view bytes : records_) digests.push_back(merkle_leaf(bytes));
            position["path"] = to_json(merkle_path(digests, record));
        }
        positions_.push_back(std::move(position));
        return {};
    }

    void add_frame(std::size_t number) {
        for (const json::value& frame : frames_)
            if (frame.as_object().at("frame").to_number<std::size_t>() == number) return;
        json::object frame;
        frame["frame"] = number;
        frame["entry"] = text_of(to_base64(leaves_[number + 1]));
        frame["path"] = to_json(merkle_path(digests_, number + 1));
        frames_.push_back(std::move(frame));
    }

    // Whether the entry has its ids for everybody to read.
    bool shows_ids(std::size_t number) const {
        const std::string_view entry = leaves_[number + 1];
        return entry[proof_entry::first_length] != 0 || entry[proof_entry::first_length + 1] != 0;
    }

    Result<> read(std::size_t number) {
        if (read_ == number) return {};
        std::string stored;
        auto frame = segment_.read_frame(number, decompressor_, stored, raw_);
        if (!frame) return fail(frame.error());
        records_.clear();
        ids_.clear();
        tombstones_.clear();
        Record record;
        for (std::size_t position = 0; position < raw_.size();) {
            const std::size_t start = position;
            if (!decode_record(raw_, position, record))
                return fail(segment_.damaged(number, "a record is malformed"));
            records_.push_back(std::string_view(raw_).substr(start, position - start));
            ids_.push_back(record.id);
            tombstones_.push_back(record.tombstone);
        }
        if (records_.size() != segment_.frames()[number].records)
            return fail(segment_.damaged(number, "it does not hold what the index says"));
        read_ = number;
        return {};
    }

    const OpenedSegment& segment_;
    const std::string_view id_;
    std::vector<std::string_view> leaves_;  // of the segment's root
    std::vector<Sha256Digest> digests_;     // of these
    json::array frames_, positions_;
    Decompressor decompressor_;
    std::optional<std::size_t> read_;  // the frame that the following are of
    std::string raw_;
    std::vector<std::string_view> records_, ids_;
    std::vector<bool> tombstones_;
};

// From the newest segment on, to the one that decides.
Result<Claim> prove_in(const blobs::BlobStore& store, const Keys& keys,
                       const DatabaseManifest& database, std::string_view document,
                       json::array& segments) {
    for (auto at = database.segments.rbegin(); at != database.segments.rend(); ++at) {
        DAVENPORT_ASSIGN(const auto segment, OpenedSegment::open(store, *at, &keys));
        if (segment->lock()) return fail(*segment->lock());
        SegmentProof proof(*segment, document);
        DAVENPORT_ASSIGN(const Claim claim, proof.run());
        segments.push_back(proof.json());
        if (claim != Claim::absent) return claim;
    }
    return Claim::absent;
}

}  // namespace

Result<std::string> Vault::prove(std::string_view backup_id, std::string_view database,
                                 std::string_view document) const {
    if (document.empty() || find_invalid_utf8(document) != std::string::npos)
        return fail(ErrorCode::invalid_argument, "a document's id is UTF-8 and not empty");
    const blobs::BlobStore& store = *impl_->store;
    DAVENPORT_TRY(read_manifest(store, backup_id));
    DAVENPORT_ASSIGN(
        const std::string text,
        blobs::read_all(store, fmt::format("manifests/{}", backup_id), max_manifest_bytes));
    DAVENPORT_ASSIGN(const Manifest manifest, decode_manifest(text));
    if (!signature_of(text))
        return fail(ErrorCode::unsupported,
                    "the backup '{}' is not signed, so nothing about it can be proven", backup_id);
    const auto entry =
        std::find_if(manifest.databases.begin(), manifest.databases.end(),
                     [&](const DatabaseManifest& candidate) { return candidate.name == database; });
    if (entry == manifest.databases.end())
        return fail(ErrorCode::not_found, "the backup '{}' holds no database {}", backup_id,
                    in_quotes(database));
    json::array segments;
    DAVENPORT_ASSIGN(const Claim claim, prove_in(store, impl_->keys, *entry, document, segments));
    json::object object = sealed_object(proof_format);
    object["backup"] = text_of(backup_id);
    object["db"] = text_of(database);
    object["document"] = text_of(document);
    object["claim"] = text_of(name_of(claim));
    object["manifest"] = text_of(text);
    object["segments"] = std::move(segments);
    std::string proof = seal(object);
    if (proof.size() > max_proof_bytes)
        return fail(ErrorCode::too_large, "the proof has {} bytes, the limit is {}", proof.size(),
                    max_proof_bytes);
    // What would not convince others is no proof.
    if (!impl_->signing.trusted.empty()) DAVENPORT_TRY(check_proof(proof, impl_->signing.trusted));
    return proof;
}

}  // namespace davenport::vault
