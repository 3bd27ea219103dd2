#include "presence.hpp"

#include <algorithm>

namespace davenport::replication {

Presence::Presence(const std::vector<std::shared_ptr<vault::SegmentReader>>& segments) {
    for (auto segment = segments.rbegin(); segment != segments.rend(); ++segment) {
        const vault::SegmentReference& reference = (*segment)->reference();
        const std::uint64_t frames =
            std::max<std::uint64_t>(1, reference.raw_bytes / vault::SegmentOptions().frame_bytes);
        Probe probe;
        probe.segment = *segment;
        probe.records_per_frame = reference.records / frames + 1;
        newest_first_.push_back(std::move(probe));
    }
}

Result<> Presence::Probe::advance() {
    DAVENPORT_ASSIGN(record, cursor->next());
    ended = record == nullptr;
    return {};
}

// Ids that lie close together are met by reading on; a distant one is worth a jump.
Result<> Presence::Probe::seek(std::string_view id) {
    if (ended) return {};
    if (cursor) {
        for (std::uint64_t step = 0; step < records_per_frame && record->id < id; ++step) {
            DAVENPORT_TRY(advance());
            if (ended) return {};
        }
        if (record->id >= id) return {};
    }
    DAVENPORT_ASSIGN(cursor, segment->scan_from(id));
    return advance();
}

Result<Held> Presence::find(std::string_view id) {
    for (Probe& probe : newest_first_) {
        DAVENPORT_TRY(probe.seek(id));
        if (!probe.ended && probe.record->id == id)
            return probe.record->tombstone ? Held::tombstone : Held::document;
    }
    return Held::nothing;
}

}  // namespace davenport::replication
