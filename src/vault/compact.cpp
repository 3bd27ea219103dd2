#include "davenport/vault/revisions.hpp"
#include "vault_impl.hpp"

namespace davenport::vault {
namespace {

constexpr unsigned max_rounds = 64;

// Where the run to merge begins; it always reaches to the newest segment. It takes as many as are
// too many and then goes on while the next older segment is no larger than all the newer ones
// together: so every record is rewritten about log(size) times over its life, and a large old
// segment is left alone until as much has come on top of it.
std::size_t choose_start(const std::vector<SegmentReference>& segments, std::size_t max_segments) {
    std::size_t start = max_segments - 1;
    std::uint64_t bytes = 0;
    for (std::size_t i = start; i < segments.size(); ++i) bytes += segments[i].raw_bytes;
    while (start > 0 && segments[start - 1].raw_bytes <= bytes)
        bytes += segments[--start].raw_bytes;
    return start;
}

// Merges into one segment; nullopt when no record is left.
Result<std::optional<SegmentReference>> write_merged(Vault& vault,
                                                     const std::vector<SegmentReference>& inputs,
                                                     Tombstones tombstones,
                                                     const std::function<Result<>()>& beat) {
    DAVENPORT_ASSIGN(auto readers, open_all(vault.store(), inputs, &vault.keys()));
    const auto cursor = merge(std::move(readers), tombstones);
    DAVENPORT_ASSIGN(const Record* record, cursor->next());
    if (!record) return std::optional<SegmentReference>();
    DAVENPORT_ASSIGN(const auto writer, vault.create_segment());
    while (record) {
        if (beat) DAVENPORT_TRY(beat());
        DAVENPORT_TRY(writer->append(*record));
        DAVENPORT_ASSIGN(record, cursor->next());
    }
    DAVENPORT_ASSIGN(SegmentReference output, writer->finish());
    return std::optional<SegmentReference>(std::move(output));
}

// A note of that name that does not hold (its output is gone) is in the way.
Result<> write_note(blobs::BlobStore& store, const CompactionNote& note, const SigningKey* key) {
    DAVENPORT_TRY(store.remove(note.name()));
    return blobs::write_all(store, note.name(), encode(note, key));
}

}  // namespace

Result<unsigned> Vault::compact(std::string_view database, unsigned max_segments,
                                const std::function<Result<>()>& beat) {
    if (max_segments == 0)
        return fail(ErrorCode::invalid_argument, "a database needs at least one segment");
    const std::shared_lock collection(impl_->collection);
    unsigned written = 0;
    for (unsigned round = 0; round < max_rounds; ++round) {
        DAVENPORT_ASSIGN(const auto base, base_for(database));
        if (!base || base->segments.size() <= max_segments) return written;
        const std::size_t start = choose_start(base->segments, max_segments);
        const std::vector<SegmentReference> inputs(
            base->segments.begin() + static_cast<std::ptrdiff_t>(start), base->segments.end());
        CompactionNote note;
        for (const SegmentReference& input : inputs) note.inputs.push_back(input.name);
        // Below the oldest segment there is nothing that a tombstone could hide.
        note.oldest = start == 0 && !base->includes(with_tombstones);
        DAVENPORT_ASSIGN(
            note.output,
            write_merged(*this, inputs, note.oldest ? Tombstones::hide : Tombstones::show, beat));
        DAVENPORT_TRY(write_note(*impl_->store, note, impl_->signing.key.get()));
        if (note.output) ++written;
    }
    return fail(ErrorCode::unavailable,
                "the backups of '{}' grow faster than they can be compacted", database);
}

}  // namespace davenport::vault
