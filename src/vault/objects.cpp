#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "sealed_blob.hpp"
#include "vault_impl.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

constexpr std::size_t chunk_bytes = 256 * 1024;

Result<> check_hash(std::string_view sha256_hex) {
    if (sha256_hex.size() != 64 ||
        sha256_hex.find_first_not_of("0123456789abcdef") != std::string_view::npos)
        return fail(ErrorCode::invalid_argument, "an attachment's name is its SHA-256 in hex");
    return {};
}

// Whether the bytes are those that the name says.
Result<bool> is_sound(const blobs::BlobReader& blob, std::string_view sha256_hex) {
    Sha256 hash;
    std::string chunk;
    for (std::uint64_t at = 0; at < blob.size(); at += chunk.size()) {
        auto read = blob.read(
            at, static_cast<std::size_t>(std::min<std::uint64_t>(chunk_bytes, blob.size() - at)),
            chunk);
        if (!read && read.error().code == ErrorCode::corrupt) return false;
        if (!read) return fail(std::move(read).error());
        if (chunk.empty()) return false;
        hash.update(chunk);
    }
    return to_hex(as_bytes(hash.finish())) == sha256_hex;
}

enum class Presence { none, damaged, sound };
Result<Presence> look_up(const blobs::BlobStore& store, std::string_view sha256_hex) {
    const auto existing = store.open(attachment_blob(sha256_hex));
    if (!existing && existing.error().code == ErrorCode::not_found) return Presence::none;
    if (!existing) return fail(existing.error());
    DAVENPORT_ASSIGN(const bool sound, is_sound(**existing, sha256_hex));
    return sound ? Presence::sound : Presence::damaged;
}

// Whoever reads from the beginning to the end is told with the last bytes, instead of getting them,
// when what was read is not what the name says.
class CheckedBlob final : public blobs::BlobReader {
  public:
    CheckedBlob(std::unique_ptr<blobs::BlobReader> blob, std::string_view sha256_hex)
        : blob_(std::move(blob)), expected_(sha256_hex) {}
    std::uint64_t size() const override { return blob_->size(); }
    Result<> read(std::uint64_t offset, std::size_t length, std::string& out) const override {
        DAVENPORT_TRY(blob_->read(offset, length, out));
        const std::lock_guard lock(mutex_);
        // Some bytes are read more than once, in order to read others.
        if (offset > hashed_ || offset + out.size() <= hashed_) return told();
        hash_.update(std::string_view(out).substr(static_cast<std::size_t>(hashed_ - offset)));
        hashed_ = offset + out.size();
        wrong_ = hashed_ == size() && to_hex(as_bytes(hash_.finish())) != expected_;
        return told();
    }

  private:
    Result<> told() const {
        if (!wrong_) return {};
        return fail(ErrorCode::corrupt, "{}: its bytes are not those that its name says",
                    attachment_blob(expected_));
    }

    const std::unique_ptr<blobs::BlobReader> blob_;
    const std::string expected_;
    mutable std::mutex mutex_;
    mutable Sha256 hash_;
    mutable std::uint64_t hashed_ = 0;
    mutable bool wrong_ = false;
};

}  // namespace

std::string attachment_blob(std::string_view sha256_hex) {
    return fmt::format("attachments/{}", sha256_hex);
}

Result<std::unique_ptr<blobs::BlobReader>> Vault::attachment(std::string_view sha256_hex) const {
    DAVENPORT_TRY(check_hash(sha256_hex));
    const std::string name = attachment_blob(sha256_hex);
    DAVENPORT_ASSIGN(auto blob, impl_->store->open(name));
    auto opened =
        open_blob(std::make_unique<CheckedBlob>(std::move(blob), sha256_hex), &impl_->keys);
    if (opened) return opened;
    Error error = std::move(opened).error();
    error.message = fmt::format("{}: {}", name, error.message);
    return fail(std::move(error));
}

Result<bool> Vault::has_attachment(std::string_view sha256_hex) const {
    DAVENPORT_TRY(check_hash(sha256_hex));
    auto blob = impl_->store->open(attachment_blob(sha256_hex));
    if (blob) return true;
    if (blob.error().code == ErrorCode::not_found) return false;
    return fail(std::move(blob).error());
}

namespace {

// Writes an attachment in the form in which it is stored.
class AttachmentWriter {
  public:
    AttachmentWriter(std::unique_ptr<blobs::BlobWriter> blob, std::optional<Keys::DataKey> key)
        : blob_(std::move(blob)) {
        if (key) sealer_.emplace(std::move(*key));
    }

    Result<> append(std::string_view bytes) {
        length_ += bytes.size();
        plain_.update(bytes);
        // Whether plain bytes could be taken for sealed ones is known when there are enough.
        if (undecided_) {
            beginning_ += bytes;
            if (beginning_.size() < sealed_signature_bytes) return {};
            return decide();
        }
        return write(bytes);
    }
    Result<> finish() {
        if (undecided_) DAVENPORT_TRY(decide());
        if (!sealer_) return {};
        out_.clear();
        sealer_->finish(out_);
        return store(out_);
    }
    Sha256Digest plain() { return plain_.finish(); }
    std::string stored() { return to_hex(as_bytes(stored_.finish())); }
    std::uint64_t length() const { return length_; }
    blobs::BlobWriter& blob() { return *blob_; }

  private:
    Result<> decide() {
        undecided_ = false;
        if (!sealer_ && begins_sealed(beginning_)) sealer_.emplace(BlobSealer::plain());
        return write(beginning_);
    }
    Result<> write(std::string_view bytes) {
        if (!sealer_) return store(bytes);
        out_.clear();
        sealer_->add(bytes, out_);
        return store(out_);
    }
    Result<> store(std::string_view bytes) {
        stored_.update(bytes);
        return blob_->append(bytes);
    }

    std::unique_ptr<blobs::BlobWriter> blob_;
    std::optional<BlobSealer> sealer_;
    Sha256 plain_, stored_;
    std::string beginning_, out_;
    std::uint64_t length_ = 0;
    bool undecided_ = true;
};

constexpr std::size_t max_remembered_attachments = 65536;

}  // namespace

Result<Vault::StoredAttachment> Vault::put_attachment(
    const std::function<Result<std::size_t>(std::span<char>)>& source) {
    const std::shared_lock collection(impl_->collection);
    blobs::BlobStore& store = *impl_->store;
    std::optional<Keys::DataKey> key;
    if (impl_->keys.encrypts()) {
        DAVENPORT_ASSIGN(key, impl_->keys.make(Keys::Memory::forget));
    }
    DAVENPORT_ASSIGN(auto blob, store.create());
    AttachmentWriter writer(std::move(blob), std::move(key));
    std::string chunk(chunk_bytes, '\0');
    while (true) {
        DAVENPORT_ASSIGN(const std::size_t got, source(std::span<char>(chunk)));
        if (got == 0) break;
        if (got > chunk.size())
            return fail(ErrorCode::internal, "an attachment's source gave more than it was asked");
        DAVENPORT_TRY(writer.append({chunk.data(), got}));
    }
    DAVENPORT_TRY(writer.finish());
    const Sha256Digest plain = writer.plain();
    StoredAttachment stored{writer.stored(), writer.length()};
    if (impl_->keys.encrypts()) {
        // Every encryption gives other bytes: only who did it knows that they say the same.
        std::string known;
        {
            const std::lock_guard lock(impl_->stored_mutex);
            if (const auto at = impl_->stored.find(plain); at != impl_->stored.end())
                known = at->second;
        }
        if (!known.empty()) {
            DAVENPORT_ASSIGN(const Presence presence, look_up(store, known));
            if (presence == Presence::sound) return StoredAttachment{known, stored.length};
        }
    }
    const std::string name = attachment_blob(stored.sha256);
    // Stored once; but what stands there may have been damaged since.
    DAVENPORT_ASSIGN(const Presence presence, look_up(store, stored.sha256));
    if (presence == Presence::damaged) DAVENPORT_TRY(store.remove(name));
    auto committed = writer.blob().commit(name);
    // `already_exists`: the same bytes are there, and durable whoever stored them.
    if (!committed && committed.error().code != ErrorCode::already_exists)
        return fail(std::move(committed).error());
    if (impl_->keys.encrypts()) {
        DAVENPORT_TRY(impl_->keys.keep_stored());
        const std::lock_guard lock(impl_->stored_mutex);
        if (impl_->stored.size() >= max_remembered_attachments) impl_->stored.clear();
        impl_->stored.insert_or_assign(plain, stored.sha256);
    }
    return stored;
}

Result<Contents> check_attachment(const blobs::BlobStore& store, std::string_view sha256_hex,
                                  const Keys* keys, std::uint64_t& bytes) {
    DAVENPORT_ASSIGN(auto blob, store.open(attachment_blob(sha256_hex)));
    bytes += blob->size();
    DAVENPORT_ASSIGN(const bool sound, is_sound(*blob, sha256_hex));
    if (!sound) return fail(ErrorCode::corrupt, "its bytes are not those that its name says");
    return read_through(std::move(blob), keys);
}

Result<Contents> read_through(std::unique_ptr<blobs::BlobReader> blob, const Keys* keys) {
    const blobs::BlobReader* const stored = blob.get();
    const auto opened = open_blob(std::move(blob), keys);
    if (!opened && opened.error().code == ErrorCode::locked) return Contents::locked;
    if (!opened) return fail(opened.error());
    if (opened->get() == stored) return Contents::read;  // plain: the hash has told all
    std::string chunk;
    std::uint64_t at = 0;
    do {
        const auto length =
            static_cast<std::size_t>(std::min<std::uint64_t>(chunk_bytes, (*opened)->size() - at));
        DAVENPORT_TRY((*opened)->read(at, length, chunk));
        at += length;
    } while (at < (*opened)->size());
    return Contents::read;
}

}  // namespace davenport::vault
