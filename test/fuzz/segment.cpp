// Segments. Inputs are whole blobs; their hashes are made to fit before they are read, because
// nothing behind a hash would be reached otherwise.
#include "davenport/vault/segment.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/vault/revisions.hpp"
#include "fuzz/fuzzer.hpp"
#include "vault/byte_order.hpp"
#include "vault/frame.hpp"
#include "vault/merkle.hpp"
#include "vault/record_format.hpp"
#include "vault/segment_format.hpp"

namespace davenport::fuzz {
namespace {

using namespace davenport::vault;

constexpr std::uint32_t max_raw_bytes = 1 << 20;  // larger ones take time and show nothing new

// The blob with every hash as it must be, and what a manifest would say of it.
class Mended {
  public:
    explicit Mended(std::string_view input) : blob_(input) {}

    // False: it is too broken to be mended, or too large.
    bool mend() {
        if (blob_.size() < header_bytes + footer_bytes) return false;
        footer_at_ = blob_.size() - footer_bytes;
        const auto index_at = number(footer_at_ + 32);
        const auto index_length = number(footer_at_ + 40);
        if (index_at > footer_at_ || index_length > footer_at_ - index_at) return false;
        MerkleTree parts;
        parts.add(std::string_view(blob_).substr(0, header_bytes));
        for (std::size_t at = index_at; at < index_at + index_length;) {
            const std::size_t length =
                entry_length(std::string_view(blob_).substr(at, index_at + index_length - at));
            if (length == 0 || !mend_entry(at)) return false;
            parts.add(std::string_view(blob_).substr(at, length));
            at += length;
        }
        const auto list_at = number(footer_at_ + 48);
        const auto list_length = number(footer_at_ + 56);
        if (list_at <= footer_at_ && list_length <= footer_at_ - list_at)
            put(footer_at_ + 64, sha256(std::string_view(blob_).substr(list_at, list_length)));
        parts.add(std::string_view(blob_).substr(footer_at_, footer_bound_bytes));
        root_ = parts.take_root();
        put(footer_at_ + footer_bound_bytes, root_);
        return true;
    }

    const std::string& blob() const { return blob_; }
    SegmentReference reference() const {
        SegmentReference reference;
        reference.root = to_hex(as_bytes(root_));
        reference.name = "segments/" + reference.root;
        reference.records = number(footer_at_);
        reference.tombstones = number(footer_at_ + 8);
        reference.raw_bytes = number(footer_at_ + 16);
        reference.stored_bytes = blob_.size();
        return reference;
    }

  private:
    std::size_t number(std::size_t at) const { return load<std::uint64_t>(blob_.data() + at); }
    void put(std::size_t at, const Sha256Digest& digest) {
        blob_.replace(at, digest.size(), as_bytes(digest));
    }

    bool mend_entry(std::size_t at) {
        const auto offset = number(at + 8);
        const auto stored_length = load<std::uint32_t>(blob_.data() + at + 16);
        const auto raw_length = load<std::uint32_t>(blob_.data() + at + 20);
        if (raw_length > max_raw_bytes) return false;
        if (offset > blob_.size() || stored_length > blob_.size() - offset) return true;
        const std::string stored = blob_.substr(offset, stored_length);
        put(at + 32, sha256(stored));
        std::string raw = stored;
        if ((blob_[at + 4] & 1) != 0) {
            Decompressor decompressor;
            if (!decompressor.decompress(stored, raw_length, raw)) return true;
        }
        MerkleTree records;
        Record record;
        std::size_t count = 0;
        for (std::size_t position = 0; position < raw.size(); ++count) {
            const std::size_t start = position;
            if (!decode_record(raw, position, record)) break;
            records.add(std::string_view(raw).substr(start, position - start));
        }
        if (count > 0) put(at + 64, records.take_root());
        return true;
    }

    std::string blob_;
    std::size_t footer_at_ = 0;
    Sha256Digest root_{};
};

void check_code(const Error& error) {
    require(error.code == ErrorCode::corrupt || error.code == ErrorCode::unsupported,
            "what can't be read is corrupt, or newer");
}

// Reads to the end. -1: it could not.
std::int64_t scan(SegmentReader& segment, bool sound) {
    const auto cursor = segment.scan();
    const auto other = segment.scan();
    std::string previous;
    for (std::int64_t count = 0;; ++count) {
        const auto record = cursor->next();
        if (!record) {
            check_code(record.error());
            require(!sound, "what verify finds sound can be read");
            return -1;
        }
        if (*record == nullptr) return count;
        const std::string id((*record)->id);
        require(!id.empty(), "a record has an id");
        (void)read_revisions((*record)->extra);
        for_each_leaf_attachments((*record)->extra, [](std::string_view) {});
        if (!sound) continue;
        require(count == 0 || previous < id, "ids ascend");
        const auto sought = other->seek(id);
        require(sought && *sought && (*sought)->id == id, "what is there is found");
        previous = id;
    }
}

void read(std::string_view blob, const SegmentReference& reference) {
    const auto store = blobs::make_memory();
    require(blobs::write_all(*store, reference.name, blob).has_value(), "it is stored");
    const auto segment = SegmentReader::open(*store, reference);
    if (!segment) return check_code(segment.error());
    const auto damage = (*segment)->verify();
    require(damage.has_value(), "verify tells damage, it does not fail");
    const bool sound = damage->empty();
    const std::int64_t records = scan(**segment, sound);
    require(!sound || static_cast<std::uint64_t>(records) == reference.records,
            "a sound segment holds what it says");
    const auto names = (*segment)->attachment_names();
    if (!names) check_code(names.error());
    require(names || !sound, "a sound segment tells its attachments");
    (void)(*segment)->scan_from("m");
}

}  // namespace

void run(std::string_view input) {
    Mended segment(input);
    if (segment.mend()) read(segment.blob(), segment.reference());
}

}  // namespace davenport::fuzz
