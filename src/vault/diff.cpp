#include "davenport/vault/revisions.hpp"
#include "vault_impl.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

using Visit = std::function<Result<>(const Difference&)>;
using Beat = std::function<Result<>()>;
using References = std::vector<SegmentReference>;
using Readers = std::vector<std::shared_ptr<SegmentReader>>;

// Looks ids up in a segment list, in ascending order.
class Lookup {
  public:
    explicit Lookup(const Readers& readers) {
        for (auto reader = readers.rbegin(); reader != readers.rend(); ++reader)
            newest_first_.push_back((*reader)->scan());
    }
    struct Found {
        const Record* record = nullptr;  // a tombstone too; valid until the next look-up
    };
    Result<Found> find(std::string_view id) {
        for (const auto& cursor : newest_first_) {
            DAVENPORT_ASSIGN(const Record* record, cursor->seek(id));
            if (record && record->id == id) return Found{record};
        }
        return Found{};
    }

  private:
    std::vector<std::unique_ptr<SegmentCursor>> newest_first_;
};

bool exists(const Record* record) {
    return record && !record->tombstone;
}

// Encrypted attachments that were stored twice have two names. Beside the same revision and body,
// the digests and lengths that the texts also hold tell whether they are equal.
std::string without_names(std::string_view attachments) {
    static constexpr std::string_view member = "\"sha256\":\"";
    std::string text(attachments);
    for (std::size_t at = text.find(member); at != std::string::npos; at = text.find(member, at)) {
        at += member.size();
        text.erase(at, std::min(text.find('"', at), text.size()) - at);
    }
    return text;
}

enum class Names { compare, pass_over };

bool same_attachments(std::string_view a, std::string_view b, Names names) {
    return a == b || (names == Names::pass_over && without_names(a) == without_names(b));
}

bool same_content(const Record& a, const Record& b, Names names) {
    return a.revision == b.revision && a.body == b.body &&
           same_attachments(a.attachments, b.attachments, names);
}

// Where both tell of them.
bool same_other_leaves(const Record& a, const Record& b, Names names) {
    return a.extra.empty() || b.extra.empty() ||
           same_attachments(leaves_text(a.extra), leaves_text(b.extra), names);
}

std::optional<Difference> compare(const std::string& database, std::string_view id,
                                  const Record* before, const Record* after, Names names) {
    Difference difference{Difference::Kind::changed, database, std::string(id), {}, {}};
    if (exists(before)) difference.before_revision = before->revision;
    if (exists(after)) difference.after_revision = after->revision;
    if (!exists(before) && !exists(after)) return std::nullopt;
    if (!exists(before)) {
        difference.kind = Difference::Kind::added;
    } else if (!exists(after)) {
        difference.kind = Difference::Kind::removed;
    } else if (same_content(*before, *after, names) && same_other_leaves(*before, *after, names)) {
        return std::nullopt;
    }
    return difference;
}

// A document can only differ if it stands in a segment above those that both lists begin with:
// below them both see the same. The segments they share are only looked into for such documents.
Result<> diff_database(const blobs::BlobStore& store, const Keys& keys, const std::string& database,
                       const References& before, const References& after, const Visit& visit,
                       const Beat& beat) {
    const auto [before_own, after_own] = std::mismatch(
        before.begin(), before.end(), after.begin(), after.end(),
        [](const SegmentReference& a, const SegmentReference& b) { return a.name == b.name; });
    if (before_own == before.end() && after_own == after.end()) return {};
    DAVENPORT_ASSIGN(const Readers shared, open_all(store, {before.begin(), before_own}, &keys));
    DAVENPORT_ASSIGN(const Readers before_readers,
                     open_all(store, {before_own, before.end()}, &keys));
    DAVENPORT_ASSIGN(const Readers after_readers, open_all(store, {after_own, after.end()}, &keys));
    Lookup in_shared(shared), in_before(before_readers), in_after(after_readers);
    Readers own = before_readers;
    own.insert(own.end(), after_readers.begin(), after_readers.end());
    const bool encrypted =
        std::any_of(own.begin(), own.end(), [](const auto& reader) { return reader->encrypted(); });
    const Names names = encrypted ? Names::pass_over : Names::compare;
    const auto candidates = merge(std::move(own), Tombstones::show);
    while (true) {
        if (beat) DAVENPORT_TRY(beat());
        DAVENPORT_ASSIGN(const Record* candidate, candidates->next());
        if (!candidate) return {};
        const std::string_view id = candidate->id;
        DAVENPORT_ASSIGN(auto old, in_before.find(id));
        DAVENPORT_ASSIGN(auto young, in_after.find(id));
        if (!old.record || !young.record) {
            DAVENPORT_ASSIGN(const auto common, in_shared.find(id));
            if (!old.record) old = common;
            if (!young.record) young = common;
        }
        const auto difference = compare(database, id, old.record, young.record, names);
        if (difference) DAVENPORT_TRY(visit(*difference));
    }
}

std::map<std::string, References> segments_by_database(const Manifest& manifest) {
    std::map<std::string, References> segments;
    for (const DatabaseManifest& database : manifest.databases)
        segments.emplace(database.name, database.segments);
    return segments;
}

}  // namespace

Result<> Vault::diff(std::string_view before_id, std::string_view after_id, const Visit& visit,
                     const Beat& beat) const {
    DAVENPORT_ASSIGN(const Manifest before, manifest(before_id));
    DAVENPORT_ASSIGN(const Manifest after, manifest(after_id));
    auto old = segments_by_database(before);
    auto young = segments_by_database(after);
    for (const auto& [name, segments] : young) old.try_emplace(name);
    for (const auto& [name, segments] : old)
        DAVENPORT_TRY(
            diff_database(*impl_->store, impl_->keys, name, segments, young[name], visit, beat));
    return {};
}

}  // namespace davenport::vault
