#pragma once

#include "davenport/base/result.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace davenport::blobs {

// Names are made of segments of [A-Za-z0-9._-] joined by single '/', none of them "." or "..", none
// longer than 255 bytes, at most 512 bytes in all, the first of them not "tmp" (where the directory
// engine keeps unfinished blobs); anything else is invalid_argument. No name may also be the folder
// of another one.
Result<> check_name(std::string_view name);

struct BlobInfo {
    std::string name;
    std::uint64_t size = 0;        // bytes
    std::int64_t modified_ms = 0;  // Unix milliseconds; when it was written
    bool operator==(const BlobInfo&) const = default;
};

// One blob while it is written. Not thread-safe. Destroyed before `commit`, it leaves nothing that
// a reader or `list` could see.
class BlobWriter {
  public:
    virtual ~BlobWriter() = default;
    virtual Result<> append(std::string_view bytes) = 0;
    virtual std::uint64_t size() const = 0;  // bytes appended so far
    // Makes the blob durable and visible under `name`, whole or not at all. Of one that is there
    // already: `already_exists`; it stays as it is, and is durable. Call once, last. After any
    // other error the blob may be there or not, but never in part.
    virtual Result<> commit(std::string_view name) = 0;
    // As `commit`, but in place of the blob that is there, if one is: whoever opens `name` gets the
    // one or the other, also after a crash. For notes of removals alone.
    virtual Result<> replace(std::string_view name) = 0;
};

// One blob while it is read. Thread-safe.
class BlobReader {
  public:
    virtual ~BlobReader() = default;
    virtual std::uint64_t size() const = 0;  // bytes
    // Fills `out` with exactly `length` bytes from `offset`; a range past the end is `corrupt`. It
    // allocates `length` bytes, so a length from an untrusted place must be checked before.
    virtual Result<> read(std::uint64_t offset, std::size_t length, std::string& out) const = 0;
};

// Named byte strings: written whole, never changed but for `BlobWriter::replace`, listed by prefix,
// read by range; so an object store can stand in for the directory engine. Thread-safe.
class BlobStore {
  public:
    virtual ~BlobStore() = default;
    virtual Result<std::unique_ptr<BlobWriter>> create() = 0;
    virtual Result<std::unique_ptr<BlobReader>> open(std::string_view name) const = 0;  // not_found
    // In byte order of the names. The prefix ends in '/' or is empty.
    virtual Result<std::vector<BlobInfo>> list(std::string_view prefix) const = 0;
    // Durable when it returns. Removing what is not there is fine; open readers go on reading.
    virtual Result<> remove(std::string_view name) = 0;
    // Removes what interrupted writers left behind, when older than `age_seconds`; never what a
    // living writer, here or in another process, is still writing.
    virtual Result<std::uint64_t> sweep(std::uint64_t age_seconds) = 0;  // bytes given back
};

// Blobs as files below `directory`, which is created if missing; readable by the owner alone. Write
// order: temporary file, fsync, rename, fsync of the directory.
Result<std::unique_ptr<BlobStore>> open_directory(const std::string& directory);
// The blobs of an existing directory, for reading alone: nothing is ever opened for writing, and
// what would change something is `forbidden`. not_found when there is no such directory.
Result<std::unique_ptr<BlobStore>> open_read_only(const std::string& directory);
// For tests.
std::unique_ptr<BlobStore> make_memory();

// Whole small blobs (manifests). A blob longer than `limit` bytes is `too_large`.
Result<std::string> read_all(const BlobStore& store, std::string_view name, std::uint64_t limit);
Result<> write_all(BlobStore& store, std::string_view name, std::string_view bytes);
Result<> replace_all(BlobStore& store, std::string_view name, std::string_view bytes);

}  // namespace davenport::blobs
