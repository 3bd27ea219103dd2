#include "blobs.hpp"

#include "davenport/base/encoding.hpp"
#include "read_pool.hpp"
#include "schema.hpp"

#include <algorithm>
#include <cstring>

namespace davenport::documents::embedded {

BlobWriter::BlobWriter(Connection& connection, std::string owner)
    : connection_(connection),
      owner_(std::move(owner)),
      begin_(connection,
             "INSERT INTO blobs (digest, length, refs, owner) VALUES ('', 0, 0, ?) RETURNING blob"),
      append_(connection, "INSERT INTO chunks (blob, n, bytes) VALUES (?, ?, ?)"),
      touch_(connection, "SELECT 1 FROM blobs WHERE blob = ? AND owner = ?"),
      find_(connection, "SELECT blob FROM blobs WHERE sha256 = ? AND length = ?"),
      take_over_(connection,
                 "UPDATE blobs SET sha256 = ?, digest = ?, length = ?, owner = NULL "
                 "WHERE blob = ? AND owner = ?"),
      insert_(
          connection,
          "INSERT INTO blobs (sha256, digest, length, refs) VALUES (?, ?, ?, 0) RETURNING blob"),
      count_(connection, "UPDATE blobs SET refs = refs + 1 WHERE blob = ?"),
      refer_(connection, "INSERT INTO attachments (id, rev, name, blob) VALUES (?, ?, ?, ?)"),
      referenced_(connection, "SELECT blob FROM attachments WHERE id = ? AND rev = ? AND name = ?"),
      references_(connection, "SELECT blob FROM attachments WHERE id = ? AND rev = ?"),
      forget_(connection, "DELETE FROM attachments WHERE id = ? AND rev = ?"),
      uncount_(connection, "UPDATE blobs SET refs = refs - 1 WHERE blob = ? RETURNING refs"),
      remove_chunks_(connection, "DELETE FROM chunks WHERE blob = ?"),
      remove_blob_(connection, "DELETE FROM blobs WHERE blob = ?"),
      owners_(connection, "SELECT DISTINCT owner FROM blobs WHERE owner IS NOT NULL"),
      staged_of_(connection, "SELECT blob FROM blobs WHERE owner = ?") {}

Result<std::int64_t> BlobWriter::begin_staged() {
    Rows rows = begin_.run(owner_);
    DAVENPORT_TRY(rows.next());
    return rows.integer(0);
}

Result<> BlobWriter::append(std::int64_t blob, std::int64_t n, std::string_view bytes) {
    {
        Rows rows = touch_.run(blob, owner_);
        DAVENPORT_ASSIGN(const bool ours, rows.next());
        if (!ours)
            return fail(ErrorCode::unavailable,
                        "database \"{}\": the bytes of an attachment were swept while they came in",
                        connection_.label());
    }
    return append_.execute(blob, n, Blob{bytes});
}

Result<> BlobWriter::remove(std::int64_t blob) {
    DAVENPORT_TRY(remove_chunks_.execute(blob));
    return remove_blob_.execute(blob);
}

Result<> BlobWriter::discard(std::int64_t blob) {
    Rows rows = touch_.run(blob, owner_);
    DAVENPORT_ASSIGN(const bool ours, rows.next());
    return ours ? remove(blob) : Result<>{};
}

Result<std::int64_t> BlobWriter::adopt(const StagedBlob& staged) {
    const Blob sha256{as_bytes(staged.sha256)};
    {
        Rows rows = find_.run(sha256, staged.length);
        DAVENPORT_ASSIGN(const bool known, rows.next());
        if (known) {
            const std::int64_t blob = rows.integer(0);
            if (staged.blob != 0) DAVENPORT_TRY(discard(staged.blob));
            return blob;
        }
    }
    if (staged.blob != 0) {
        DAVENPORT_TRY(
            take_over_.execute(sha256, staged.digest, staged.length, staged.blob, owner_));
        if (connection_.changes() == 1) return staged.blob;
        return fail(ErrorCode::unavailable,
                    "database \"{}\": the bytes of an attachment were swept before they were used",
                    connection_.label());
    }
    std::int64_t blob = 0;
    {
        Rows rows = insert_.run(sha256, staged.digest, staged.length);
        DAVENPORT_TRY(rows.next());
        blob = rows.integer(0);
    }
    if (!staged.bytes.empty()) DAVENPORT_TRY(append_.execute(blob, 0, Blob{staged.bytes}));
    return blob;
}

Result<> BlobWriter::add_reference(std::string_view id, const std::string& revision,
                                   std::string_view name, std::int64_t blob) {
    DAVENPORT_TRY(count_.execute(blob));
    return refer_.execute(id, revision, name, blob);
}

Result<std::int64_t> BlobWriter::referenced(std::string_view id, const std::string& revision,
                                            std::string_view name) {
    Rows rows = referenced_.run(id, revision, name);
    DAVENPORT_ASSIGN(const bool found, rows.next());
    if (!found)
        return fail(ErrorCode::corrupt,
                    "database \"{}\": the bytes of an attachment of document \"{}\" are gone",
                    connection_.label(), id);
    return rows.integer(0);
}

Result<> BlobWriter::release(std::string_view id, const std::string& revision) {
    std::vector<std::int64_t> blobs;
    {
        Rows rows = references_.run(id, revision);
        for (;;) {
            DAVENPORT_ASSIGN(const bool found, rows.next());
            if (!found) break;
            blobs.push_back(rows.integer(0));
        }
    }
    DAVENPORT_TRY(forget_.execute(id, revision));
    for (const std::int64_t blob : blobs) {
        std::int64_t left = 0;
        {
            Rows rows = uncount_.run(blob);
            DAVENPORT_ASSIGN(const bool found, rows.next());
            if (found) left = rows.integer(0);
        }
        if (left == 0) DAVENPORT_TRY(remove(blob));
    }
    return {};
}

Result<std::vector<std::string>> BlobWriter::owners() {
    std::vector<std::string> owners;
    Rows rows = owners_.run();
    for (;;) {
        DAVENPORT_ASSIGN(const bool found, rows.next());
        if (!found) return owners;
        owners.emplace_back(rows.bytes(0));
    }
}

Result<> BlobWriter::sweep(std::string_view owner) {
    for (;;) {
        std::int64_t blob = 0;
        {
            Rows rows = staged_of_.run(owner);
            DAVENPORT_ASSIGN(const bool found, rows.next());
            if (!found) return {};
            blob = rows.integer(0);
        }
        DAVENPORT_TRY(remove(blob));
    }
}

Result<bool> StageReader::next(std::string& piece) {
    piece.clear();
    if (ended_) return false;
    piece.resize(chunk_bytes);
    std::size_t filled = 0;
    while (filled < chunk_bytes) {
        DAVENPORT_ASSIGN(const std::size_t count,
                         source_.read({piece.data() + filled, chunk_bytes - filled}));
        if (count == 0) {
            ended_ = true;
            break;
        }
        filled += count;
    }
    piece.resize(filled);
    sha256_.update(piece);
    md5_.update(piece);
    length_ += filled;
    return filled > 0;
}

void StageReader::finish(StagedBlob& staged) {
    staged.sha256 = sha256_.finish();
    staged.digest = "md5-" + to_base64(as_bytes(md5_.finish()));
    staged.length = length_;
}

namespace {

class BlobSource final : public ByteSource {
  public:
    BlobSource(std::shared_ptr<ReadConnection> connection, StoredBlob blob)
        : connection_(std::move(connection)), blob_(std::move(blob)) {}

    Result<std::size_t> read(std::span<char> buffer) override {
        if (buffer.empty() || ended_) return std::size_t{0};
        if (at_ == chunk_.size()) {
            DAVENPORT_TRY(load_chunk());
            if (ended_) return std::size_t{0};
        }
        const std::size_t count = std::min(buffer.size(), chunk_.size() - at_);
        std::memcpy(buffer.data(), chunk_.data() + at_, count);
        at_ += count;
        return count;
    }

  private:
    Result<> load_chunk() {
        DocumentReader& reader = connection_->reader();
        if (done_ == blob_.length) {
            if (as_bytes(sha256_.finish()) != blob_.sha256) return corrupt();
            ended_ = true;
            return {};
        }
        Rows rows = reader.chunk(blob_.blob, next_++);
        DAVENPORT_ASSIGN(const bool found, rows.next());
        if (!found) return corrupt();
        chunk_ = rows.bytes(0);
        at_ = 0;
        done_ += chunk_.size();
        sha256_.update(chunk_);
        if (chunk_.empty() || done_ > blob_.length) return corrupt();
        return {};
    }
    tl::unexpected<Error> corrupt() const {
        return fail(ErrorCode::corrupt,
                    "database \"{}\": the bytes of an attachment are not what was written",
                    connection_->reader().connection().label());
    }

    std::shared_ptr<ReadConnection> connection_;
    StoredBlob blob_;
    Sha256 sha256_;
    std::string chunk_;
    std::size_t at_ = 0;
    std::uint64_t done_ = 0;
    std::int64_t next_ = 0;
    bool ended_ = false;
};

}  // namespace

std::unique_ptr<ByteSource> open_blob(std::shared_ptr<ReadConnection> connection, StoredBlob blob) {
    return std::make_unique<BlobSource>(std::move(connection), std::move(blob));
}

}  // namespace davenport::documents::embedded
