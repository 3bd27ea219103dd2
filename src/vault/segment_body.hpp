#pragma once

#include "davenport/blobs/blob_store.hpp"
#include "davenport/vault/keys.hpp"
#include "davenport/vault/segment.hpp"
#include "frame.hpp"
#include "frame_queue.hpp"
#include "merkle.hpp"
#include "segment_format.hpp"

namespace davenport::vault {

// The bytes of a segment from its header to its footer, frame by frame. One thread at a time.
class SegmentBody {
  public:
    static Result<std::unique_ptr<SegmentBody>> create(blobs::BlobStore& store,
                                                       const SegmentOptions& options);
    Result<> add(const RawFrame& frame);
    // Writes the rest and commits the blob. `attachments` sorted, each once.
    Result<SegmentReference> finish(std::uint64_t tombstones,
                                    const std::vector<Sha256Digest>& attachments);

  private:
    SegmentBody(blobs::BlobStore& store, std::unique_ptr<blobs::BlobWriter> blob,
                std::optional<Compressor> compressor)
        : store_(store), blob_(std::move(blob)), compressor_(std::move(compressor)) {}
    std::string_view encrypt(std::string_view stored, FrameEntry& entry);
    Result<> commit(const SegmentReference& reference);

    blobs::BlobStore& store_;
    std::unique_ptr<blobs::BlobWriter> blob_;
    std::optional<Compressor> compressor_;
    Keys* keys_ = nullptr;
    std::optional<crypto::Aead> aead_;  // encrypts
    std::string header_;
    std::string encrypted_, sealed_ids_;  // buffers
    MerkleTree records_;
    MerkleTree parts_;  // the leaves of the segment's root
    Sha256 stored_hash_;
    std::string index_;
    Footer footer_;
};

}  // namespace davenport::vault
