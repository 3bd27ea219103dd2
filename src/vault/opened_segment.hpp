#pragma once

#include "davenport/vault/segment.hpp"
#include "frame.hpp"
#include "segment_format.hpp"

namespace davenport::vault {

// What a reader and its cursors share: the open blob and the index, checked against the root.
// Immutable after opening.
class OpenedSegment {
  public:
    static Result<std::unique_ptr<const OpenedSegment>> open(const blobs::BlobStore& store,
                                                             const SegmentReference& reference);
    OpenedSegment(const OpenedSegment&) = delete;

    const SegmentReference& reference() const { return reference_; }
    const Footer& footer() const { return footer_; }
    const std::vector<FrameEntry>& frames() const { return frames_; }

    // Reads a frame, checks its hash and decompresses it into `raw`; `stored` is scratch space.
    // `corrupt` says only what is wrong; damaged() adds where.
    Result<> read_frame(std::size_t number, Decompressor& decompressor, std::string& stored,
                        std::string& raw) const;
    Result<std::string> read_attachment_list() const;
    Error damaged(std::size_t frame, std::string_view reason) const;

  private:
    OpenedSegment() = default;
    Result<> read_parts();
    Result<> read_footer(std::string& tail);
    Result<> read_index(std::string_view tail);
    Result<> decode_frames(std::size_t length_of_header);
    Result<> check_reference() const;
    Result<> check_root() const;

    std::unique_ptr<blobs::BlobReader> blob_;
    SegmentReference reference_;
    Footer footer_;
    std::string header_;
    std::string bound_footer_;  // the part of the footer that the root binds
    std::string index_;         // the ids of `frames_` are views into it
    std::vector<FrameEntry> frames_;
};

}  // namespace davenport::vault
