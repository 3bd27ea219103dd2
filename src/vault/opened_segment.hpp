#pragma once

#include "davenport/vault/keys.hpp"
#include "davenport/vault/segment.hpp"
#include "frame.hpp"
#include "segment_format.hpp"

#include <optional>

namespace davenport::vault {

// What a reader and its cursors share: the open blob and the index, checked against the root.
// Immutable after opening.
class OpenedSegment {
  public:
    static Result<std::unique_ptr<const OpenedSegment>> open(const blobs::BlobStore& store,
                                                             const SegmentReference& reference,
                                                             const Keys* keys);
    OpenedSegment(const OpenedSegment&) = delete;

    const SegmentReference& reference() const { return reference_; }
    const Footer& footer() const { return footer_; }
    const std::vector<FrameEntry>& frames() const { return frames_; }
    bool encrypted() const { return encryption_ != Encryption::none; }
    // Why frames and ids can't be decrypted; nullopt = they can, or need not be.
    const std::optional<Error>& lock() const { return lock_; }

    // The bytes of a frame as they are stored, checked against their hash.
    Result<> read_stored(std::size_t number, std::string& stored) const;
    // Reads a frame, checks its hash, decrypts and decompresses it into `raw`; `stored` is scratch
    // space.
    // `corrupt` says only what is wrong; damaged() adds where.
    Result<> read_frame(std::size_t number, Decompressor& decompressor, std::string& stored,
                        std::string& raw) const;
    // What the root is over: the header, each index entry, the footer's bound part.
    std::vector<std::string_view> root_leaves() const;
    Result<std::string> read_attachment_list() const;
    Error damaged(std::size_t frame, std::string_view reason) const;

  private:
    OpenedSegment() = default;
    Result<> read_parts();
    Result<> read_footer(std::string& tail);
    Result<> read_index(std::string_view tail);
    Result<> decode_frames();
    Result<> decrypt_ids();
    Result<> check_reference() const;
    Result<> check_root() const;

    std::unique_ptr<blobs::BlobReader> blob_;
    SegmentReference reference_;
    Footer footer_;
    std::string header_;
    std::string bound_footer_;  // the part of the footer that the root binds
    std::string index_;         // the ids of `frames_` are views into it, or into ids_
    std::string ids_;           // decrypted
    std::vector<FrameEntry> frames_;
    Encryption encryption_ = Encryption::none;
    std::optional<crypto::Secret> key_;
    std::optional<Error> lock_;
};

}  // namespace davenport::vault
