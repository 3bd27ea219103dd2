#include "record_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace davenport::replication {

std::string_view RecordBuffer::copy(std::string_view text) {
    if (text.empty()) return {};
    auto* bytes = static_cast<char*>(texts_.allocate(text.size(), 1));
    std::memcpy(bytes, text.data(), text.size());
    bytes_ += text.size();
    return {bytes, text.size()};
}

void RecordBuffer::add(const vault::Record& record) {
    vault::Record kept;
    kept.id = copy(record.id);
    kept.revision = copy(record.revision);
    kept.tombstone = record.tombstone;
    kept.body = copy(record.body);
    kept.attachments = copy(record.attachments);
    kept.extra = copy(record.extra);
    records_.push_back(kept);
    bytes_ += sizeof kept;
}

void RecordBuffer::sort() {
    std::stable_sort(records_.begin(), records_.end(),
                     [](const vault::Record& a, const vault::Record& b) { return a.id < b.id; });
    // `unique` keeps the first of equals; seen from the end that is the last one added.
    const auto newest =
        std::unique(records_.rbegin(), records_.rend(),
                    [](const vault::Record& a, const vault::Record& b) { return a.id == b.id; });
    records_.erase(records_.begin(), newest.base());
}

void RecordBuffer::clear() {
    records_.clear();
    texts_.release();
    bytes_ = 0;
}

}  // namespace davenport::replication
