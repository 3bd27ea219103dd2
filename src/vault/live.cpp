#include "vault_impl.hpp"

namespace davenport::vault {

Result<Live> find_live(const blobs::BlobStore& store, const Chain& chain) {
    Live live;
    DAVENPORT_ASSIGN(const Compactions compactions, Compactions::load(store));
    std::set<std::string> seen;
    for (auto node = chain.nodes.rbegin(); node != chain.nodes.rend(); ++node) {
        if (node->removed) continue;
        auto manifest = read_manifest(store, node->id, node->sha256);
        if (!manifest) {
            const ErrorCode code = manifest.error().code;
            if (code != ErrorCode::corrupt && code != ErrorCode::unsupported &&
                code != ErrorCode::not_found && code != ErrorCode::too_large)
                return fail(std::move(manifest).error());
            live.unknown = std::move(manifest).error();
            continue;
        }
        for (const DatabaseManifest& database : manifest->databases) {
            for (const SegmentReference& segment : database.segments)
                live.segments.emplace(segment.name, segment);
            // Only the newest state of a database is built upon.
            if (!seen.insert(database.name).second) continue;
            const auto applied = compactions.apply(database.segments);
            for (const SegmentReference& segment : applied.segments)
                live.segments.emplace(segment.name, segment);
            live.compactions.insert(applied.notes.begin(), applied.notes.end());
        }
    }
    return live;
}

Result<> check_manifests(const Chain& chain) {
    for (const ChainNode& node : chain.nodes) {
        if (!node.doubt.empty())
            return fail(ErrorCode::corrupt,
                        "nothing is removed while the backup {} is in doubt: {}", node.id,
                        node.doubt);
    }
    return {};
}

Result<std::set<std::string>> live_attachments(const blobs::BlobStore& store, const Live& live) {
    std::set<std::string> blobs;
    for (const auto& [name, reference] : live.segments) {
        DAVENPORT_ASSIGN(const auto segment, SegmentReader::open(store, reference));
        DAVENPORT_ASSIGN(const auto names, segment->attachment_names());
        for (const std::string& sha256_hex : names) blobs.insert(attachment_blob(sha256_hex));
    }
    return blobs;
}

Result<> remove_counted(blobs::BlobStore& store, const blobs::BlobInfo& blob,
                        std::uint64_t& freed) {
    DAVENPORT_TRY(store.remove(blob.name));
    freed += blob.size;
    return {};
}

}  // namespace davenport::vault
