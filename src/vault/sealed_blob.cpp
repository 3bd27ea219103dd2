#include "sealed_blob.hpp"

#include "byte_order.hpp"
#include "davenport/base/hash.hpp"
#include "nonces.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

// Random, so that no file begins with it by chance.
constexpr std::string_view signature(
    "\x89"
    "DAVENBOX\r\n\x1a\xc7\x5e\x91\x04",
    16);
constexpr std::uint16_t version = 1;
constexpr std::uint32_t encrypted_flag = 1;
constexpr std::uint32_t checksum_flag = 2;
constexpr std::size_t chunk_bytes = 64 * 1024;
constexpr std::size_t tag_bytes = 16;
constexpr std::size_t checksum_bytes = 32;
static_assert(signature.size() == sealed_signature_bytes);

struct Header {
    std::string bytes;  // all of it, which every chunk is bound to
    std::uint32_t flags = 0;
    std::string_view field() const { return std::string_view(bytes).substr(sealed_header_bytes); }
    bool encrypted() const { return (flags & encrypted_flag) != 0; }
    bool has_checksum() const { return (flags & checksum_flag) != 0; }
};

Result<Header> read_header(const blobs::BlobReader& blob) {
    Header header;
    if (blob.size() < sealed_header_bytes) return fail(ErrorCode::corrupt, "its header is cut off");
    DAVENPORT_TRY(blob.read(0, sealed_header_bytes, header.bytes));
    const char* at = header.bytes.data();
    if (const auto found = load<std::uint16_t>(at + 16); found != version)
        return fail(ErrorCode::unsupported, "sealed format {} (this program knows {})", found,
                    version);
    const std::size_t length = load<std::uint16_t>(at + 18);
    header.flags = load<std::uint32_t>(at + 20);
    const std::size_t expected = header.encrypted() ? max_sealed_header_bytes : sealed_header_bytes;
    if ((header.flags & ~(encrypted_flag | checksum_flag)) != 0)
        return fail(ErrorCode::unsupported, "flags 0x{:x}, which this program does not know",
                    header.flags);
    if (length != expected || load<std::uint32_t>(at + 24) != chunk_bytes ||
        load<std::uint32_t>(at + 28) != 0 ||
        blob.size() < length + (header.has_checksum() ? checksum_bytes : 0) +
                          (header.encrypted() ? tag_bytes : 0))
        return fail(ErrorCode::corrupt, "its header makes no sense");
    DAVENPORT_TRY(blob.read(0, length, header.bytes));
    return header;
}

// The stored bytes between the header and the checksum.
std::uint64_t body_size(const blobs::BlobReader& blob, const Header& header) {
    return blob.size() - header.bytes.size() - (header.has_checksum() ? checksum_bytes : 0);
}

class PlainBody final : public blobs::BlobReader {
  public:
    PlainBody(std::unique_ptr<blobs::BlobReader> blob, std::uint64_t start, std::uint64_t size)
        : blob_(std::move(blob)), start_(start), size_(size) {}
    std::uint64_t size() const override { return size_; }
    Result<> read(std::uint64_t offset, std::size_t length, std::string& out) const override {
        if (offset > size_ || length > size_ - offset)
            return fail(ErrorCode::corrupt, "a read past the end");
        return blob_->read(start_ + offset, length, out);
    }

  private:
    const std::unique_ptr<blobs::BlobReader> blob_;
    const std::uint64_t start_, size_;
};

class EncryptedBody final : public blobs::BlobReader {
  public:
    EncryptedBody(std::unique_ptr<blobs::BlobReader> blob, Header header, const crypto::Secret& key,
                  std::uint64_t stored)
        : blob_(std::move(blob)),
          header_(std::move(header)),
          key_(key),
          stored_(stored),
          chunks_((stored + chunk_bytes + tag_bytes - 1) / (chunk_bytes + tag_bytes)) {}

    std::uint64_t size() const override { return stored_ - chunks_ * tag_bytes; }

    Result<> read(std::uint64_t offset, std::size_t length, std::string& out) const override {
        if (offset > size() || length > size() - offset)
            return fail(ErrorCode::corrupt, "a read past the end");
        out.clear();
        out.reserve(length);
        crypto::Aead aead(key_);
        std::string chunk;
        // An empty range proves something, too: a blob of nothing has one chunk.
        std::uint64_t number = std::min(offset / chunk_bytes, chunks_ - 1);
        do {
            DAVENPORT_TRY(read_chunk(aead, number, chunk));
            const std::uint64_t start = number * chunk_bytes;
            const auto from = static_cast<std::size_t>(
                std::min<std::uint64_t>(offset + out.size() - start, chunk.size()));
            out.append(chunk, from, length - out.size());
            ++number;
        } while (out.size() < length);
        return {};
    }

  private:
    Result<> read_chunk(crypto::Aead& aead, std::uint64_t number, std::string& chunk) const {
        const std::uint64_t offset = number * (chunk_bytes + tag_bytes);
        const auto length = static_cast<std::size_t>(
            std::min<std::uint64_t>(stored_ - offset, chunk_bytes + tag_bytes));
        if (length < tag_bytes) return fail(ErrorCode::corrupt, "its last chunk is cut off");
        DAVENPORT_TRY(blob_->read(header_.bytes.size() + offset, length, chunk));
        if (chunk.size() != length) return fail(ErrorCode::corrupt, "it is cut off");
        const std::size_t plain = length - tag_bytes;
        crypto::Tag tag;
        std::memcpy(tag.data(), chunk.data() + plain, tag.size());
        chunk.resize(plain);
        const Sealed what = number + 1 == chunks_ ? Sealed::last_chunk : Sealed::chunk;
        return aead.decrypt(nonce_of(what, number), header_.bytes, chunk, tag, chunk.data());
    }

    const std::unique_ptr<blobs::BlobReader> blob_;
    const Header header_;
    const crypto::Secret key_;
    const std::uint64_t stored_, chunks_;
};

class InMemory final : public blobs::BlobReader {
  public:
    explicit InMemory(std::string bytes) : bytes_(std::move(bytes)) {}
    std::uint64_t size() const override { return bytes_.size(); }
    Result<> read(std::uint64_t offset, std::size_t length, std::string& out) const override {
        if (offset > bytes_.size() || length > bytes_.size() - offset)
            return fail(ErrorCode::corrupt, "a read past the end");
        out = bytes_.substr(static_cast<std::size_t>(offset), length);
        return {};
    }

  private:
    const std::string bytes_;
};

}  // namespace

bool begins_sealed(std::string_view bytes) {
    return bytes.starts_with(signature);
}

BlobSealer::BlobSealer(std::uint32_t flags, std::string_view field)
    : header_(signature), ending_((flags & checksum_flag) != 0 ? Ending::checksum : Ending::none) {
    append_integer(header_, version);
    append_integer(header_, static_cast<std::uint16_t>(sealed_header_bytes + field.size()));
    append_integer(header_, flags);
    append_integer(header_, static_cast<std::uint32_t>(chunk_bytes));
    append_integer(header_, std::uint32_t{0});
    header_ += field;
}

BlobSealer::BlobSealer(const Keys::DataKey& key, Ending ending)
    : BlobSealer(encrypted_flag | (ending == Ending::checksum ? checksum_flag : 0), key.field) {
    aead_.emplace(key.secret);
}

BlobSealer BlobSealer::plain() {
    return BlobSealer(0, {});
}

void BlobSealer::add(std::string_view bytes, std::string& out) {
    if (!started_) out += header_;
    started_ = true;
    if (!aead_) {
        out += bytes;
        return;
    }
    // A full chunk waits until it is known whether it is the last one.
    while (!bytes.empty()) {
        if (waiting_.size() == chunk_bytes) {
            seal_chunk(waiting_, false, out);
            waiting_.clear();
        }
        const std::size_t taken = std::min(bytes.size(), chunk_bytes - waiting_.size());
        waiting_ += bytes.substr(0, taken);
        bytes.remove_prefix(taken);
    }
}

void BlobSealer::finish(std::string& out) {
    add({}, out);
    if (aead_) seal_chunk(waiting_, true, out);
    // Only for what is sealed in one piece, from an empty `out` on.
    if (ending_ == Ending::checksum) out += as_bytes(sha256(out));
}

void BlobSealer::seal_chunk(std::string_view chunk, bool last, std::string& out) {
    const std::size_t start = out.size();
    out.resize(start + chunk.size());
    const Sealed what = last ? Sealed::last_chunk : Sealed::chunk;
    const crypto::Tag tag =
        aead_->encrypt(nonce_of(what, chunks_++), header_, chunk, out.data() + start);
    out.append(reinterpret_cast<const char*>(tag.data()), tag.size());
}

std::string seal_bytes(const Keys::DataKey& key, std::string_view bytes, Ending ending) {
    BlobSealer sealer(std::move(key), ending);
    std::string sealed;
    sealer.add(bytes, sealed);
    sealer.finish(sealed);
    return sealed;
}

Result<std::unique_ptr<blobs::BlobReader>> open_blob(std::unique_ptr<blobs::BlobReader> blob,
                                                     const Keys* keys) {
    if (blob->size() < signature.size()) return blob;
    std::string beginning;
    DAVENPORT_TRY(blob->read(0, signature.size(), beginning));
    if (!begins_sealed(beginning)) return blob;
    DAVENPORT_ASSIGN(Header header, read_header(*blob));
    const std::uint64_t stored = body_size(*blob, header);
    const std::uint64_t start = header.bytes.size();
    if (!header.encrypted())
        return std::unique_ptr<blobs::BlobReader>(
            std::make_unique<PlainBody>(std::move(blob), start, stored));
    if (!keys) return fail(ErrorCode::locked, "it is encrypted");
    DAVENPORT_ASSIGN(crypto::Secret key, keys->open(header.field()));
    return std::unique_ptr<blobs::BlobReader>(
        std::make_unique<EncryptedBody>(std::move(blob), std::move(header), key, stored));
}

Result<std::string> unseal_bytes(std::string bytes, const Keys* keys) {
    DAVENPORT_ASSIGN(const auto blob,
                     open_blob(std::make_unique<InMemory>(std::move(bytes)), keys));
    std::string plain;
    DAVENPORT_TRY(blob->read(0, static_cast<std::size_t>(blob->size()), plain));
    return plain;
}

Result<> check_sealed(const blobs::BlobReader& blob) {
    DAVENPORT_ASSIGN(const Header header, read_header(blob));
    if (!header.has_checksum()) return {};
    Sha256 hash;
    std::string bytes;
    const std::uint64_t end = blob.size() - checksum_bytes;
    for (std::uint64_t at = 0; at < end; at += bytes.size()) {
        const auto length =
            static_cast<std::size_t>(std::min<std::uint64_t>(end - at, chunk_bytes));
        DAVENPORT_TRY(blob.read(at, length, bytes));
        if (bytes.size() != length) return fail(ErrorCode::corrupt, "it is cut off");
        hash.update(bytes);
    }
    DAVENPORT_TRY(blob.read(end, checksum_bytes, bytes));
    if (bytes != as_bytes(hash.finish()))
        return fail(ErrorCode::corrupt, "its checksum does not fit");
    return {};
}

std::string_view key_field_of_sealed(std::string_view beginning) {
    if (!begins_sealed(beginning) || beginning.size() < max_sealed_header_bytes ||
        (load<std::uint32_t>(beginning.data() + 20) & encrypted_flag) == 0)
        return {};
    return beginning.substr(sealed_header_bytes, key_field_bytes);
}

}  // namespace davenport::vault
