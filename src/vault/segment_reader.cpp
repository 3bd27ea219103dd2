#include "davenport/base/encoding.hpp"
#include "merkle.hpp"
#include "record_format.hpp"
#include "segment_cursor.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

// A cursor that was moved before anybody saw it: its first record is waiting.
class StartedCursor final : public RecordCursor {
  public:
    StartedCursor(std::unique_ptr<SegmentCursor> cursor, const Record* first)
        : cursor_(std::move(cursor)), first_(first) {}
    Result<const Record*> next() override {
        if (started_) return cursor_->next();
        started_ = true;
        return first_;
    }

  private:
    std::unique_ptr<SegmentCursor> cursor_;
    const Record* first_;
    bool started_ = false;
};

class Reader final : public SegmentReader {
  public:
    explicit Reader(std::unique_ptr<const OpenedSegment> segment) : segment_(std::move(segment)) {}

    std::unique_ptr<SegmentCursor> scan() override {
        return std::make_unique<FrameCursor>(*segment_);
    }

    Result<std::unique_ptr<RecordCursor>> scan_from(std::string_view id) override {
        auto cursor = scan();
        DAVENPORT_ASSIGN(const Record* first, cursor->seek(id));
        return std::unique_ptr<RecordCursor>(
            std::make_unique<StartedCursor>(std::move(cursor), first));
    }

    Result<std::vector<std::string>> attachment_names() override {
        DAVENPORT_ASSIGN(const std::string list, segment_->read_attachment_list());
        std::vector<std::string> names;
        names.reserve(list.size() / 32);
        for (std::size_t at = 0; at < list.size(); at += 32)
            names.push_back(to_hex(std::string_view(list).substr(at, 32)));
        return names;
    }

    const SegmentReference& reference() const override { return segment_->reference(); }
    bool encrypted() const override { return segment_->encrypted(); }
    Result<> readable() const override {
        if (segment_->lock()) return fail(*segment_->lock());
        return {};
    }

    Result<std::vector<Damage>> verify(
        const std::function<Result<>(std::uint64_t raw_bytes)>& checked) override {
        std::vector<Damage> damage;
        std::uint64_t tombstones = 0;
        Decompressor decompressor;
        MerkleTree records;
        std::string stored, raw;
        for (std::size_t number = 0; number < segment_->frames().size(); ++number) {
            const FrameEntry& frame = segment_->frames()[number];
            const auto broken = [&](std::string reason) {
                damage.push_back(
                    {std::string(frame.first_id), std::string(frame.last_id), std::move(reason)});
            };
            const bool locked = segment_->lock().has_value();
            auto read = locked ? segment_->read_stored(number, stored)
                               : segment_->read_frame(number, decompressor, stored, raw);
            if (read && !locked) {
                const std::string_view reason = check_records(frame, raw, records, tombstones);
                if (!reason.empty()) broken(std::string(reason));
            } else if (!read && read.error().code == ErrorCode::corrupt) {
                broken(read.error().message);
            } else if (!read) {
                return fail(std::move(read).error());
            }
            if (checked) DAVENPORT_TRY(checked(frame.raw_length));
        }
        DAVENPORT_TRY(verify_whole(tombstones, damage));
        return damage;
    }

  private:
    // Empty = sound.
    static std::string_view check_records(const FrameEntry& frame, std::string_view raw,
                                          MerkleTree& tree, std::uint64_t& tombstones) {
        Record record;
        std::string_view previous;
        std::uint32_t count = 0;
        std::string_view reason;
        for (std::size_t position = 0; position < raw.size() && reason.empty(); ++count) {
            const std::size_t start = position;
            if (!decode_record(raw, position, record)) {
                reason = "a record is malformed";
                break;
            }
            if (count == 0 ? record.id != frame.first_id : record.id <= previous)
                reason = "the documents are out of order";
            previous = record.id;
            if (record.tombstone) ++tombstones;
            tree.add(raw.substr(start, position - start));
        }
        const Sha256Digest root = tree.take_root();
        if (!reason.empty()) return reason;
        if (count != frame.records || previous != frame.last_id)
            return "it does not hold the documents that the index says";
        return root == frame.root ? "" : "its Merkle root is wrong";
    }

    Result<> verify_whole(std::uint64_t tombstones, std::vector<Damage>& damage) const {
        const std::string first(segment_->frames().front().first_id);
        const std::string last(segment_->frames().back().last_id);
        if (damage.empty() && !segment_->lock() && tombstones != segment_->footer().tombstones)
            damage.push_back({first, last, "the number of deleted documents is wrong"});
        auto list = segment_->read_attachment_list();
        if (list) return {};
        if (list.error().code != ErrorCode::corrupt) return fail(std::move(list).error());
        damage.push_back({first, last, list.error().message});
        return {};
    }

    std::unique_ptr<const OpenedSegment> segment_;
};

}  // namespace

Result<std::shared_ptr<SegmentReader>> SegmentReader::open(const blobs::BlobStore& store,
                                                           const SegmentReference& reference,
                                                           const Keys* keys) {
    DAVENPORT_ASSIGN(auto segment, OpenedSegment::open(store, reference, keys));
    return std::shared_ptr<SegmentReader>(std::make_shared<Reader>(std::move(segment)));
}

}  // namespace davenport::vault
