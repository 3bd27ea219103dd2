#include "attachment_text.hpp"
#include "davenport/vault/segment.hpp"
#include "record_format.hpp"
#include "segment_body.hpp"

#include <algorithm>
#include <system_error>
#include <thread>

namespace davenport::vault {
namespace {

constexpr std::size_t max_frame_bytes = 16 * 1024 * 1024;

// The caller's thread encodes records into frames, the writer's own hashes, compresses and writes
// them. It starts with the second frame: a small segment is not worth a thread.
class ThreadedWriter final : public SegmentWriter {
  public:
    ThreadedWriter(std::unique_ptr<SegmentBody> body, std::size_t frame_bytes)
        : body_(std::move(body)), frame_bytes_(frame_bytes) {}

    ~ThreadedWriter() override {
        queue_.abandon();
        if (thread_.joinable()) thread_.join();
    }

    Result<> append(const Record& record) override {
        if (failed_ || finished_) return fail(unusable());
        failed_ = true;  // unless all goes well
        DAVENPORT_ASSIGN(const std::size_t size, encoded_size(record));
        if (records_ > 0 && record.id <= last_id())
            return fail(ErrorCode::internal, "the document '{}' was written after '{}'", record.id,
                        last_id());
        if (names_attachments(record)) DAVENPORT_TRY(note_attachments(record));
        if (frame_.records > 0 && frame_.bytes.size() + size > frame_bytes_)
            DAVENPORT_TRY(hand_over());
        if (frame_.records == 0) frame_.first_id = record.id;
        append_record(frame_.bytes, record, size);
        last_id_start_ = frame_.bytes.size() - size + record_header_bytes;
        last_id_size_ = record.id.size();
        ++frame_.records;
        ++records_;
        raw_bytes_ += size;
        if (record.tombstone) ++tombstones_;
        failed_ = false;
        return {};
    }

    std::uint64_t records() const override { return records_; }
    std::uint64_t raw_bytes() const override { return raw_bytes_; }

    Result<SegmentReference> finish() override {
        if (failed_ || finished_) return fail(unusable());
        failed_ = true;
        if (records_ == 0) return fail(ErrorCode::internal, "a segment without records");
        DAVENPORT_TRY(write_rest());
        settle_attachments();
        DAVENPORT_ASSIGN(SegmentReference reference, body_->finish(tombstones_, attachments_));
        failed_ = false;
        finished_ = true;
        return reference;
    }

  private:
    // The last id stands in the frame; only between two frames it is a copy.
    std::string_view last_id() const {
        if (frame_.records == 0) return previous_last_id_;
        return std::string_view(frame_.bytes).substr(last_id_start_, last_id_size_);
    }

    Result<> hand_over() {
        if (!thread_.joinable()) DAVENPORT_TRY(start());
        frame_.last_id = last_id();
        previous_last_id_ = frame_.last_id;
        if (!queue_.push(std::move(frame_))) {
            thread_.join();
            return fail(error_ ? *error_ : unusable());
        }
        frame_ = queue_.take_empty();
        return {};
    }

    Result<> start() {
        try {
            thread_ = std::thread([this] { run(); });
        } catch (const std::system_error& e) {
            return fail(ErrorCode::unavailable, "no thread for writing a segment: {}", e.what());
        }
        return {};
    }

    Result<> write_rest() {
        if (!thread_.joinable()) {
            frame_.last_id = last_id();
            return body_->add(frame_);
        }
        DAVENPORT_TRY(hand_over());
        queue_.close();
        thread_.join();
        if (error_) return fail(*error_);
        return {};
    }

    Result<> note_attachments(const Record& record) {
        auto collected = collect_attachments(record, attachments_);
        if (!collected)
            return fail(ErrorCode::invalid_argument, "the attachments of the document '{}': {}",
                        record.id, collected.error().message);
        // Documents may share attachments; forgetting the doubles now and then bounds the memory.
        if (attachments_.size() >= next_settling_) {
            settle_attachments();
            next_settling_ = std::max<std::size_t>(attachments_.size() * 2, 65536);
        }
        return {};
    }

    void settle_attachments() {
        std::sort(attachments_.begin(), attachments_.end());
        attachments_.erase(std::unique(attachments_.begin(), attachments_.end()),
                           attachments_.end());
    }

    static Error unusable() {
        return {ErrorCode::internal, "a segment writer was used after its end", {}};
    }

    void run() {
        while (std::optional<RawFrame> frame = queue_.pop()) {
            auto added = body_->add(*frame);
            if (!added) {
                error_ = std::move(added).error();  // read by the caller after join()
                queue_.abandon();
                return;
            }
            queue_.give_back(std::move(*frame));
        }
    }

    std::unique_ptr<SegmentBody> body_;
    const std::size_t frame_bytes_;
    FrameQueue queue_;
    RawFrame frame_;
    std::string previous_last_id_;
    std::size_t last_id_start_ = 0, last_id_size_ = 0;
    std::uint64_t records_ = 0, tombstones_ = 0, raw_bytes_ = 0;
    std::vector<Sha256Digest> attachments_;
    std::size_t next_settling_ = 65536;
    bool failed_ = false, finished_ = false;
    std::optional<Error> error_;
    std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<SegmentWriter>> SegmentWriter::create(blobs::BlobStore& store,
                                                             SegmentOptions options) {
    if (options.frame_bytes < 1 || options.frame_bytes > max_frame_bytes)
        return fail(ErrorCode::invalid_argument, "a frame size of {} bytes is not between 1 and {}",
                    options.frame_bytes, max_frame_bytes);
    DAVENPORT_ASSIGN(auto body, SegmentBody::create(store, options));
    return std::unique_ptr<SegmentWriter>(
        std::make_unique<ThreadedWriter>(std::move(body), options.frame_bytes));
}

}  // namespace davenport::vault
