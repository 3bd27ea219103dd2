#pragma once

#include "davenport/base/hash.hpp"
#include "davenport/documents/document_store.hpp"
#include "reader.hpp"

// Attachment bytes: content-addressed, in chunks, counted by reference.
namespace davenport::documents::embedded {

// Bytes on their way into a document. Small ones wait in memory; big ones are in the database
// already, under a row that belongs to this store instance until a document takes it over.
struct StagedBlob {
    Sha256Digest sha256{};
    std::string digest;  // "md5-…"
    std::uint64_t length = 0;
    std::string bytes;      // all of them, unless `blob` is set
    std::int64_t blob = 0;  // the staged row; 0 = none
};

// Every call inside a write transaction.
class BlobWriter {
  public:
    BlobWriter(Connection& connection, std::string owner);

    Result<std::int64_t> begin_staged();
    Result<> append(std::int64_t blob, std::int64_t n, std::string_view bytes);
    Result<> discard(std::int64_t blob);
    // Makes the staged bytes a counted blob, or finds the one that is there already. `unavailable`
    // when another process took the staged bytes for an abandoned write's.
    Result<std::int64_t> adopt(const StagedBlob& staged);

    Result<> add_reference(std::string_view id, const std::string& revision, std::string_view name,
                           std::int64_t blob);
    // The blob that a leaf has under that name.
    Result<std::int64_t> referenced(std::string_view id, const std::string& revision,
                                    std::string_view name);
    // Drops what a revision refers to, and bytes that nothing refers to any more.
    Result<> release(std::string_view id, const std::string& revision);

    Result<std::vector<std::string>> owners();  // of staged rows
    Result<> sweep(std::string_view owner);

  private:
    Result<> remove(std::int64_t blob);

    Connection& connection_;
    std::string owner_;
    Statement begin_, append_, touch_, find_, take_over_, insert_, count_, refer_, referenced_,
        references_, forget_, uncount_, remove_chunks_, remove_blob_, owners_, staged_of_;
};

// Reads a source piece by piece and hands every full chunk but a short only one to `append`.
class StageReader {
  public:
    explicit StageReader(ByteSource& source) : source_(source) {}
    // Fills `piece` with the next 256 KiB or what is left; false = nothing is left.
    Result<bool> next(std::string& piece);
    void finish(StagedBlob& staged);  // hashes and length of all that was read

  private:
    ByteSource& source_;
    Sha256 sha256_;
    Md5 md5_;
    std::uint64_t length_ = 0;
    bool ended_ = false;
};

class ReadConnection;

// Streams a blob; keeps `connection` with its transaction until it is dropped. The bytes are hashed
// on the way: `corrupt` instead of the end when they are not what was written.
std::unique_ptr<ByteSource> open_blob(std::shared_ptr<ReadConnection> connection, StoredBlob blob);

}  // namespace davenport::documents::embedded
