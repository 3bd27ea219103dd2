#pragma once

#include "davenport/blobs/blob_store.hpp"
#include "davenport/vault/manifest.hpp"
#include "davenport/vault/record.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::vault {

class Keys;  // keys.hpp

enum class Compression { zstd, none };

struct SegmentOptions {
    int zstd_level = 1;                    // 1 to 22
    std::size_t frame_bytes = 512 * 1024;  // raw, 1 to 16 MiB; a record is never split over frames
    Compression compression = Compression::zstd;
    // Encrypts when these do; null or keys that don't: plain. They must outlive the writer.
    Keys* keys = nullptr;
};

// Writes one segment: records in strictly ascending byte order of their ids. Compression and
// hashing run on a thread of the writer's own, beside the caller's reading (from the second frame
// on); memory is bounded by a few frames. Not thread-safe.
class SegmentWriter {
  public:
    static Result<std::unique_ptr<SegmentWriter>> create(blobs::BlobStore& store,
                                                         SegmentOptions options = {});
    virtual ~SegmentWriter() = default;  // without `finish`: nothing stays behind
    // Copies the record. An id out of order is `internal`; a record of more than 64 MiB is
    // `too_large`; attachments that are no JSON object are `invalid_argument`. An error of the
    // writer's thread comes from the next call; after any error the writer is of no use any more.
    virtual Result<> append(const Record& record) = 0;
    virtual std::uint64_t records() const = 0;
    virtual std::uint64_t raw_bytes() const = 0;
    // Durable and visible when this returns. The name follows from the content, so writing the same
    // records again (same options, same zstd) gives the same blob, unless it is encrypted; one that
    // is there already is re-read, and replaced when it is damaged. At least one record must have
    // been appended. Call once, last.
    virtual Result<SegmentReference> finish() = 0;
};

// A forward pass over records in ascending id order.
class RecordCursor {
  public:
    virtual ~RecordCursor() = default;
    // nullptr at the end. The record's views are valid until the next call. A frame whose hash does
    // not match is `corrupt`, with the segment's name and the range of ids in the message.
    virtual Result<const Record*> next() = 0;
};

// A pass over one segment that can also jump; for look-ups by id.
class SegmentCursor : public RecordCursor {
  public:
    // The first record whose id is >= `id`, nullptr when there is none; `next` goes on from there.
    // Frames in between are not read, and the current one is not read again. Any order of ids
    // works, ascending is the quick one.
    virtual Result<const Record*> seek(std::string_view id) = 0;
};

// An opened segment: header, footer and frame index read and checked against the reference.
// Thread-safe; cursors are independent of each other and must not outlive the reader. An encrypted
// one opens without its key, too; then no cursor gives a record, and the rest works.
class SegmentReader {
  public:
    // `corrupt` when the blob is missing, too: whoever holds a reference was promised the segment.
    static Result<std::shared_ptr<SegmentReader>> open(const blobs::BlobStore& store,
                                                       const SegmentReference& reference,
                                                       const Keys* keys = nullptr);
    virtual ~SegmentReader() = default;
    virtual std::unique_ptr<SegmentCursor> scan() = 0;
    // Starts at the first record whose id is >= `id` (frame index, then inside the frame).
    virtual Result<std::unique_ptr<RecordCursor>> scan_from(std::string_view id) = 0;
    // The SHA-256 names (hex) of the attachments its records refer to, sorted, each once.
    virtual Result<std::vector<std::string>> attachment_names() = 0;
    virtual const SegmentReference& reference() const = 0;
    virtual bool encrypted() const = 0;
    // Why its records can't be read: `locked` without the key, `corrupt` when the key was changed.
    virtual Result<> readable() const = 0;

    struct Damage {
        std::string first_id, last_id;  // the documents of the broken frame; empty when encrypted
        std::string reason;
    };
    // Re-reads every frame: stored hash, decompression, record structure, order, Merkle root. Of a
    // segment that is not readable the stored hash alone.
    // Also the attachment list. Returns what is broken, all of it; an I/O error is an error.
    // `checked` (may be empty) is told the raw bytes of each frame once it was read, sound or not;
    // its error ends the reading.
    virtual Result<std::vector<Damage>> verify(
        const std::function<Result<>(std::uint64_t raw_bytes)>& checked = {}) = 0;
};

// K-way merge, newest last in `segments`: of several records with one id the newest segment's. The
// cursor owns the readers.
enum class Tombstones { hide, show };
std::unique_ptr<RecordCursor> merge(std::vector<std::shared_ptr<SegmentReader>> segments,
                                    Tombstones tombstones);

}  // namespace davenport::vault
