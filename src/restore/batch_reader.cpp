#include "batch_reader.hpp"

#include <algorithm>
#include <cstring>

namespace davenport::restore {

// One waits, one is filled and one written: enough to keep both sides busy, and each may hold a
// large document with its attachments.
constexpr std::size_t max_waiting_batches = 1;

std::string_view Batch::copy(std::string_view text) {
    if (text.empty()) return {};
    auto* bytes_copied = static_cast<char*>(texts_->allocate(text.size(), 1));
    std::memcpy(bytes_copied, text.data(), text.size());
    bytes += text.size();
    return {bytes_copied, text.size()};
}

void Batch::add(const SourceDocument& document) {
    documents::DocumentWrite& write = writes.emplace_back();
    write.id = copy(document.id);
    write.body = copy(document.body);
    write.type = copy(document.type);
    write.deleted = document.deleted;
    write.attachments = document.attachments;
    bytes += document.attachment_bytes;
    deletions |= document.deleted;
    if (document.history.empty()) return;
    const std::vector<std::string>& history = histories_.emplace_back(document.history);
    for (const std::string& revision : history) bytes += revision.size();
    write.history = history;
    write.revision = history.front();
}

BatchReader::BatchReader(std::unique_ptr<Selection> selection, std::size_t max_documents,
                         std::size_t max_bytes)
    : selection_(std::move(selection)),
      max_documents_(std::max<std::size_t>(1, max_documents)),
      max_bytes_(std::max<std::size_t>(1, max_bytes)),
      thread_([this] { read_all(); }) {}

BatchReader::~BatchReader() {
    {
        const std::lock_guard lock(mutex_);
        stopped_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

Result<Batch> BatchReader::next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !waiting_.empty(); });
    Result<Batch> batch = std::move(waiting_.front());
    waiting_.erase(waiting_.begin());
    lock.unlock();
    changed_.notify_all();
    return batch;
}

bool BatchReader::put(Result<Batch> batch) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopped_ || waiting_.size() < max_waiting_batches; });
    if (stopped_) return false;
    waiting_.push_back(std::move(batch));
    lock.unlock();
    changed_.notify_all();
    return true;
}

Result<Batch> BatchReader::read_batch() {
    Batch batch;
    while (batch.writes.size() < max_documents_ && batch.bytes < max_bytes_) {
        DAVENPORT_ASSIGN(const SourceDocument* document, selection_->next());
        if (document == nullptr) {
            batch.last = true;
            break;
        }
        batch.add(*document);
    }
    batch.read = selection_->read();
    batch.skipped = selection_->skipped();
    return batch;
}

void BatchReader::read_all() {
    for (bool more = true; more;) {
        Result<Batch> batch = [this]() -> Result<Batch> {
            // Out of memory, say: an exception that left the thread would end the process.
            try {
                return read_batch();
            } catch (const std::exception& error) {
                return fail(ErrorCode::internal, "reading the documents to be restored: {}",
                            error.what());
            }
        }();
        more = batch && !batch->last;
        if (!put(std::move(batch))) return;
    }
}

}  // namespace davenport::restore
