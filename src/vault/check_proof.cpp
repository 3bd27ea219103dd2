#include "byte_order.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/sealed_text.hpp"
#include "davenport/vault/manifest.hpp"
#include "davenport/vault/proof.hpp"
#include "merkle.hpp"
#include "proof_format.hpp"
#include "record_format.hpp"
#include "segment_format.hpp"

#include <algorithm>
#include <map>
#include <optional>

namespace davenport::vault {
namespace {

constexpr std::size_t longest_path = 64;
constexpr std::size_t no_entry_is_longer = entry_bytes + 2 * 65535 + 64;

template <class... Args>
tl::unexpected<Error> refuse(fmt::format_string<Args...> format, Args&&... args) {
    return fail(ErrorCode::corrupt, "the proof does not hold: {}",
                fmt::format(format, std::forward<Args>(args)...));
}

Result<std::string> need_bytes(const json::object& object, std::string_view key) {
    DAVENPORT_ASSIGN(const std::string text, need_text(object, key));
    auto bytes = from_base64(text);
    if (!bytes) return refuse("'{}' is no base64", key);
    return bytes;
}

Result<std::vector<Sha256Digest>> need_path(const json::object& object, std::string_view key) {
    DAVENPORT_ASSIGN(const json::array* array, need_array(object, key));
    if (array->size() > longest_path) return refuse("a path is too long");
    std::vector<Sha256Digest> path;
    for (const json::value& value : *array) {
        const json::string* text = value.if_string();
        const auto bytes = text ? from_hex({text->data(), text->size()}) : Result<std::string>("");
        if (!bytes || bytes->size() != 32) return refuse("a path holds something that is no hash");
        std::copy(bytes->begin(), bytes->end(), path.emplace_back().begin());
    }
    return path;
}

struct Frame {
    std::uint32_t records = 0;
    Sha256Digest root{};
    std::string first_id, last_id;  // empty when they are encrypted
};

// Where an id stands in a segment.
struct Position {
    std::uint64_t frame = 0, record = 0;
    std::string id;
    std::string bytes;  // of the record, when the proof shows it
};

// One segment of the proof: first that its parts belong to the root that the manifest names, each
// at the place that it says, then what they say.
class SegmentCheck {
  public:
    SegmentCheck(const json::object& object, const SegmentReference& reference)
        : object_(object), reference_(reference) {}

    Result<> run() {
        DAVENPORT_ASSIGN(const std::string root, need_text(object_, "root"));
        if (root != reference_.root)
            return refuse("it shows the segment {} where the backup lists {}", in_quotes(root),
                          reference_.root);
        DAVENPORT_TRY(check_footer());
        DAVENPORT_TRY(check_frames());
        return check_positions();
    }

    // The position of the id itself; nullptr: the segment does not hold it. An error when the
    // segment shows neither.
    Result<const Position*> find(std::string_view id) const {
        for (const Position& position : positions_)
            if (position.id == id) {
                if (positions_.size() != 1 || position.bytes.empty())
                    return refuse("it does not show the record of the document");
                return &position;
            }
        if (positions_.empty() || positions_.size() > 2 || positions_.front().id == id)
            return refuse("a segment tells too little or too much");
        const Position& before = positions_.front();
        const Position& after = positions_.back();
        if (positions_.size() == 2) {
            if (!(before.id < id && id < after.id) || !adjacent(before, after))
                return refuse("two records are shown that are not those next to the document's id");
        } else if (id < after.id ? !is_first(after) : !is_last(before)) {
            return refuse("a record is shown that is not at the end of the segment");
        }
        return nullptr;
    }

  private:
    bool leads_to_root(std::string_view leaf, std::uint64_t index,
                       const std::vector<Sha256Digest>& path) const {
        const auto root = merkle_root_of(merkle_leaf(leaf), index, frames_in_all_ + 2, path);
        return root && to_hex(as_bytes(*root)) == reference_.root;
    }

    // The tree's last leaf. It says how many there are; a wrong number would have led elsewhere.
    Result<> check_footer() {
        DAVENPORT_ASSIGN(const std::string footer, need_bytes(object_, "footer"));
        DAVENPORT_ASSIGN(const auto path, need_path(object_, "footer_path"));
        if (footer.size() != footer_bound_bytes) return refuse("a footer has a wrong length");
        if (load<std::uint16_t>(footer.data() + 160) != segment_version ||
            load<std::uint16_t>(footer.data() + 162) != footer_bytes)
            return fail(ErrorCode::unsupported, "a segment of the proof has another format");
        frames_in_all_ = load<std::uint64_t>(footer.data() + 24);
        if (frames_in_all_ == 0 || frames_in_all_ > max_index_bytes / entry_bytes ||
            load<std::uint64_t>(footer.data()) != reference_.records)
            return refuse("a footer makes no sense");
        if (!leads_to_root(footer, frames_in_all_ + 1, path))
            return refuse("a footer is not the one of the segment");
        return {};
    }

    Result<> check_frames() {
        DAVENPORT_ASSIGN(const json::array* frames, need_array(object_, "frames"));
        if (frames->size() > 2) return refuse("a segment shows too many frames");
        for (const json::value& value : *frames) {
            const json::object* object = value.if_object();
            if (!object) return refuse("a frame is something else");
            DAVENPORT_ASSIGN(const std::uint64_t number, need_count(*object, "frame"));
            DAVENPORT_ASSIGN(const std::string entry, need_bytes(*object, "entry"));
            DAVENPORT_ASSIGN(const auto path, need_path(*object, "path"));
            if (number >= frames_in_all_ || !leads_to_root(entry, number + 1, path))
                return refuse("an entry of the index is not the one at its place");
            DAVENPORT_ASSIGN(Frame frame, read_entry(entry));
            if (!frames_.emplace(number, std::move(frame)).second)
                return refuse("a frame is shown twice");
        }
        return {};
    }

    static Result<Frame> read_entry(std::string_view entry) {
        if (entry.size() < entry_bytes || entry.size() > no_entry_is_longer ||
            load<std::uint32_t>(entry.data()) != entry.size())
            return refuse("an entry of the index has a wrong length");
        Frame frame;
        frame.records = load<std::uint32_t>(entry.data() + proof_entry::records);
        std::copy_n(entry.data() + proof_entry::root, frame.root.size(), frame.root.begin());
        const std::size_t first = load<std::uint16_t>(entry.data() + proof_entry::first_length);
        const std::size_t last = load<std::uint16_t>(entry.data() + proof_entry::last_length);
        if (frame.records == 0) return refuse("an entry of the index makes no sense");
        if (first == 0 && last == 0) return frame;  // encrypted
        if (entry.size() != proof_entry::ids + first + last)
            return refuse("an entry of the index has a wrong length");
        frame.first_id = entry.substr(proof_entry::ids, first);
        frame.last_id = entry.substr(proof_entry::ids + first);
        return frame;
    }

    Result<> check_positions() {
        DAVENPORT_ASSIGN(const json::array* positions, need_array(object_, "positions"));
        if (positions->empty() || positions->size() > 2)
            return refuse("a segment tells too little or too much");
        for (const json::value& value : *positions) {
            const json::object* object = value.if_object();
            if (!object) return refuse("a position is something else");
            DAVENPORT_TRY(check_position(*object));
        }
        return {};
    }

    Result<> check_position(const json::object& object) {
        Position position;
        DAVENPORT_ASSIGN(position.frame, need_count(object, "frame"));
        DAVENPORT_ASSIGN(position.record, need_count(object, "record"));
        const auto found = frames_.find(position.frame);
        if (found == frames_.end()) return refuse("the entry of a frame is missing");
        const Frame& frame = found->second;
        if (position.record >= frame.records) return refuse("a frame has no such record");
        if (object.contains("bytes")) {
            DAVENPORT_ASSIGN(position.bytes, need_bytes(object, "bytes"));
            DAVENPORT_ASSIGN(const auto path, need_path(object, "path"));
            const auto root =
                merkle_root_of(merkle_leaf(position.bytes), position.record, frame.records, path);
            if (!root || *root != frame.root) return refuse("a record is not the one at its place");
            Record record;
            std::size_t end = 0;
            if (!decode_record(position.bytes, end, record) || end != position.bytes.size())
                return refuse("a record is malformed");
            position.id = record.id;
        } else if (position.record == 0) {
            position.id = frame.first_id;
        } else if (position.record + 1 == frame.records) {
            position.id = frame.last_id;
        }
        if (position.id.empty()) return refuse("the id at a position is not shown");
        positions_.push_back(std::move(position));
        return {};
    }

    bool is_first(const Position& position) const {
        return position.frame == 0 && position.record == 0;
    }
    bool is_last(const Position& position) const {
        return position.frame + 1 == frames_in_all_ &&
               position.record + 1 == frames_.at(position.frame).records;
    }
    bool adjacent(const Position& before, const Position& after) const {
        if (before.frame == after.frame) return before.record + 1 == after.record;
        return before.frame + 1 == after.frame && after.record == 0 &&
               before.record + 1 == frames_.at(before.frame).records;
    }

    const json::object& object_;
    const SegmentReference& reference_;
    std::uint64_t frames_in_all_ = 0;
    std::map<std::uint64_t, Frame> frames_;
    std::vector<Position> positions_;
};

Result<std::string> check_signed(std::string_view manifest, const std::vector<VerifyingKey>& keys) {
    const auto signature = signature_of(manifest);
    if (!signature) return refuse("the manifest is not signed");
    for (const VerifyingKey& key : keys)
        if (check_signature(manifest, key)) return key.id();
    return refuse(
        "the manifest is signed by the key {}, {}", in_quotes(signature->key_id),
        std::any_of(keys.begin(), keys.end(),
                    [&](const VerifyingKey& key) { return key.id() == signature->key_id; })
            ? "but the signature does not fit"
            : "which is not trusted");
}

// The segments of the list, newest first, up to the one that decides: none left out, none too many.
Result<> walk(const json::array& segments, const DatabaseManifest& database, Proven& proven) {
    std::size_t shown = 0;
    for (auto at = database.segments.rbegin(); at != database.segments.rend(); ++at) {
        const json::object* object =
            shown < segments.size() ? segments[shown].if_object() : nullptr;
        if (!object) return refuse("it says nothing about the segment {}", at->root);
        ++shown;
        SegmentCheck check(*object, *at);
        DAVENPORT_TRY(check.run());
        DAVENPORT_ASSIGN(const Position* position, check.find(proven.document));
        if (!position) continue;
        Record record;
        std::size_t end = 0;
        if (!decode_record(position->bytes, end, record)) return refuse("a record is malformed");
        proven.claim = record.tombstone ? Claim::deleted : Claim::present;
        proven.revision = record.revision;
        proven.body = record.body;
        proven.attachments = record.attachments;
        proven.extra = record.extra;
        break;
    }
    if (shown != segments.size()) return refuse("it shows more segments than decide");
    return {};
}

}  // namespace

std::string_view name_of(Claim claim) {
    switch (claim) {
        case Claim::present:
            return "present";
        case Claim::deleted:
            return "deleted";
        case Claim::absent:
            break;
    }
    return "absent";
}

Result<Proven> check_proof(std::string_view text, const std::vector<VerifyingKey>& keys) {
    if (text.size() > max_proof_bytes)
        return fail(ErrorCode::too_large, "the proof has {} bytes, the limit is {}", text.size(),
                    max_proof_bytes);
    DAVENPORT_ASSIGN(const json::object object, unseal(text, proof_format));
    Proven proven;
    DAVENPORT_ASSIGN(proven.backup_id, need_text(object, "backup"));
    DAVENPORT_ASSIGN(proven.database, need_text(object, "db"));
    DAVENPORT_ASSIGN(proven.document, need_text(object, "document"));
    DAVENPORT_ASSIGN(const std::string claim, need_text(object, "claim"));
    DAVENPORT_ASSIGN(const std::string manifest_text, need_text(object, "manifest"));
    DAVENPORT_ASSIGN(proven.key_id, check_signed(manifest_text, keys));
    DAVENPORT_ASSIGN(const Manifest manifest, decode_manifest(manifest_text));
    if (manifest.id != proven.backup_id)
        return refuse("it holds the manifest of another backup, {}", in_quotes(manifest.id));
    proven.manifest_sha256 = to_hex(as_bytes(sha256(manifest_text)));
    proven.started_ms = manifest.started_ms;
    proven.finished_ms = manifest.finished_ms;
    const auto database = std::find_if(
        manifest.databases.begin(), manifest.databases.end(),
        [&](const DatabaseManifest& candidate) { return candidate.name == proven.database; });
    if (proven.document.empty() || database == manifest.databases.end())
        return refuse("the backup holds no database {}", in_quotes(proven.database));
    proven.skipped_types = database->skipped_types;
    DAVENPORT_ASSIGN(const json::array* segments, need_array(object, "segments"));
    DAVENPORT_TRY(walk(*segments, *database, proven));
    if (claim != name_of(proven.claim))
        return refuse("it claims '{}' and shows '{}'", in_quotes(claim), name_of(proven.claim));
    return proven;
}

}  // namespace davenport::vault
