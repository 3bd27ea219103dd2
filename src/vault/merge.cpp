#include "davenport/vault/segment.hpp"

namespace davenport::vault {
namespace {

// A binary heap of cursors by the id of their current record; of equal ids the newest segment's
// comes first. While one large segment gives most of the records, its cursor stays on top and a
// step costs a few comparisons.
class MergeCursor final : public RecordCursor {
  public:
    MergeCursor(std::vector<std::shared_ptr<SegmentReader>> segments, Tombstones tombstones)
        : segments_(std::move(segments)), tombstones_(tombstones) {
        for (std::size_t age = 0; age < segments_.size(); ++age)
            heap_.push_back({nullptr, segments_[age]->scan(), age});
    }

    Result<const Record*> next() override {
        if (error_) return fail(*error_);
        auto record = step();
        // Going on after an error could hand out an older version of what could not be read.
        if (!record) error_ = record.error();
        return record;
    }

  private:
    struct Source {
        const Record* record = nullptr;
        std::unique_ptr<SegmentCursor> cursor;
        std::size_t age = 0;  // position in the list: the higher, the newer
    };

    static bool before(const Source& a, const Source& b) {
        const int order = a.record->id.compare(b.record->id);
        return order != 0 ? order < 0 : a.age > b.age;
    }

    Result<const Record*> step() {
        if (!started_) DAVENPORT_TRY(start());
        while (true) {
            if (handed_out_) DAVENPORT_TRY(advance(0));
            if (heap_.empty()) {
                handed_out_ = false;
                return nullptr;
            }
            handed_out_ = true;
            DAVENPORT_TRY(pass_older_versions());
            const Record* record = heap_.front().record;
            if (tombstones_ == Tombstones::show || !record->tombstone) return record;
        }
    }

    Result<> start() {
        started_ = true;
        for (std::size_t i = 0; i < heap_.size();) {
            DAVENPORT_ASSIGN(heap_[i].record, heap_[i].cursor->next());
            if (heap_[i].record) {
                ++i;
            } else {
                heap_.erase(heap_.begin() + static_cast<std::ptrdiff_t>(i));
            }
        }
        for (std::size_t i = heap_.size() / 2; i > 0; --i) sift_down(i - 1);
        return {};
    }

    // The top holds the newest version; others of the same id are directly below it.
    Result<> pass_older_versions() {
        while (heap_.size() > 1) {
            const std::size_t child = heap_.size() > 2 && before(heap_[2], heap_[1]) ? 2 : 1;
            if (heap_[child].record->id != heap_[0].record->id) break;
            DAVENPORT_TRY(advance(child));
        }
        return {};
    }

    Result<> advance(std::size_t position) {
        Source& source = heap_[position];
        DAVENPORT_ASSIGN(source.record, source.cursor->next());
        if (!source.record) {
            if (position != heap_.size() - 1) std::swap(source, heap_.back());
            heap_.pop_back();
        }
        sift_down(position);
        return {};
    }

    void sift_down(std::size_t position) {
        while (true) {
            std::size_t child = 2 * position + 1;
            if (child >= heap_.size()) return;
            if (child + 1 < heap_.size() && before(heap_[child + 1], heap_[child])) ++child;
            if (!before(heap_[child], heap_[position])) return;
            std::swap(heap_[child], heap_[position]);
            position = child;
        }
    }

    std::vector<std::shared_ptr<SegmentReader>> segments_;
    const Tombstones tombstones_;
    std::vector<Source> heap_;
    bool started_ = false;
    bool handed_out_ = false;  // the top's record has left; it moves on first
    std::optional<Error> error_;
};

// Nothing to merge.
class LiveCursor final : public RecordCursor {
  public:
    LiveCursor(std::shared_ptr<SegmentReader> segment, Tombstones tombstones)
        : segment_(std::move(segment)), cursor_(segment_->scan()), tombstones_(tombstones) {}
    Result<const Record*> next() override {
        while (true) {
            auto record = cursor_->next();
            if (!record || !*record || tombstones_ == Tombstones::show || !(*record)->tombstone)
                return record;
        }
    }

  private:
    std::shared_ptr<SegmentReader> segment_;
    std::unique_ptr<SegmentCursor> cursor_;
    const Tombstones tombstones_;
};

}  // namespace

std::unique_ptr<RecordCursor> merge(std::vector<std::shared_ptr<SegmentReader>> segments,
                                    Tombstones tombstones) {
    if (segments.size() == 1)
        return std::make_unique<LiveCursor>(std::move(segments.front()), tombstones);
    return std::make_unique<MergeCursor>(std::move(segments), tombstones);
}

}  // namespace davenport::vault
