#include "appended.hpp"
#include "notes.hpp"
#include "sealed_blob.hpp"
#include "vault_impl.hpp"

#include <algorithm>

namespace davenport::vault {

namespace {

using Progress = Vault::VerifyProgress;

constexpr std::size_t max_named_documents = 5;

// Where a blob is needed first.
struct Owner {
    std::string backup_id;
    std::string database;
};
struct PlannedSegment {
    SegmentReference reference;
    Owner owner;
};
struct PlannedAttachment {
    std::string segment;  // that refers to it
    Owner owner;
};

// One pass over everything that some backups need; each blob is read once, however many of them
// share it. Trouble with a blob, also one that the disk refuses to read, is a finding, so that the
// whole extent of a damage gets known.
class Verifier {
  public:
    Verifier(const blobs::BlobStore& store, const Keys& keys, const Progress& progress)
        : store_(store), keys_(keys), progress_(progress) {}

    void check_all_of(const Chain& chain) {
        using Link = Verification::Link;
        result_.findings = check_chain(chain);
        for (const ChainNode& node : chain.nodes)
            result_.chain.push_back({node.id, node.sha256, node.key_id,
                                     node.removed ? Link::State::removed : Link::State::kept});
        for (const auto& [id, note] : chain.interrupted) result_.removal_begun.push_back(id);
    }

    Result<Verification> run(const Chain& chain, const std::vector<std::string>& ids) {
        if (const ChainNode* newest = end_of(chain).newest) {
            result_.head_id = newest->id;
            result_.head_sha256 = newest->sha256;
        }
        for (const std::string& id : ids) {
            const ChainNode* node = chain.find(id);
            if (!node || node->removed)
                return fail(ErrorCode::not_found, "there is no backup '{}'", id);
        }
        for (const ChainNode& node : chain.nodes)
            if (!node.removed &&
                (ids.empty() || std::find(ids.begin(), ids.end(), node.id) != ids.end()))
                plan_backup(node);
        check_keys();
        if (ids.empty()) {
            plan_compactions();
            check_pins();
        }
        plan_attachments(ids.empty());
        for (const auto& [name, segment] : segments_)
            if (go_on_) check_segment(segment);
        for (const auto& [hash, attachment] : attachments_)
            if (go_on_) check_attachment_of(hash, attachment);
        for (const auto& [name, id] : appended_)
            if (go_on_) check_appended(name, id);
        DAVENPORT_TRY(std::move(go_on_));
        return std::move(result_);
    }

  private:
    void find(const Owner& owner, std::string object, std::string message) {
        result_.findings.push_back(
            {owner.backup_id, owner.database, std::move(object), std::move(message)});
    }

    void plan_backup(const ChainNode& node) {
        ++result_.backups;
        plan_appended(node.id);
        if (!node.problem.empty()) return;  // check_chain told it
        const auto manifest = read_manifest(store_, node.id);
        if (!manifest) return find({node.id, {}}, "manifests/" + node.id, manifest.error().message);
        for (const DatabaseManifest& database : manifest->databases)
            for (const SegmentReference& segment : database.segments) {
                const Owner owner{node.id, database.name};
                const auto [known, added] =
                    segments_.emplace(segment.name, PlannedSegment{segment, owner});
                if (!added && !(known->second.reference == segment))
                    find(owner, segment.name,
                         fmt::format("the backups '{}' and '{}' say different counts of it",
                                     known->second.owner.backup_id, node.id));
            }
    }

    // The next backup will take up what compactions wrote; until then no manifest names it.
    void plan_compactions() {
        const auto blobs = store_.list("compactions/");
        if (!blobs)
            return find(
                {}, "compactions",
                fmt::format("the notes of compactions can't be listed: {}", blobs.error().message));
        for (const blobs::BlobInfo& blob : *blobs) {
            auto text = blobs::read_all(store_, blob.name, max_manifest_bytes);
            if (!text && text.error().code == ErrorCode::not_found) continue;  // just removed
            const auto note = text ? decode_compaction_note(*text)
                                   : Result<CompactionNote>(fail(std::move(text).error()));
            if (!note || note->name() != blob.name) {
                find({}, blob.name,
                     fmt::format("this note of a compaction can't be used, which harms no backup: "
                                 "{}",
                                 note ? "it is another one's" : note.error().message));
            } else if (note->output && is_there(note->output->name)) {
                // Without its output a note is garbage: nobody will take it up.
                segments_.emplace(note->output->name, PlannedSegment{*note->output, {}});
            }
        }
    }

    void check_pins() {
        const auto damaged = unreadable_pins(store_);
        if (!damaged)
            return find({}, "pins",
                        fmt::format("the pins can't be read: {}", damaged.error().message));
        for (const std::string& name : *damaged) {
            const std::size_t id = name.find('/') + 1;
            find({name.substr(id, name.find('/', id) - id), {}}, name,
                 "this pin can't be read; it holds all the same");
        }
    }

    bool is_there(const std::string& name) const {
        const auto blob = store_.open(name);
        return blob || blob.error().code != ErrorCode::not_found;
    }

    void plan_appended(const std::string& id) {
        const auto blobs = store_.list("appended/" + id + "/");
        if (!blobs)
            return find({id, {}}, "appended/" + id,
                        fmt::format("its attachments can't be listed: {}", blobs.error().message));
        for (const blobs::BlobInfo& blob : *blobs) appended_.emplace(blob.name, id);
    }

    // Errors are kept until check_segment has told what is wrong; but should all have gone well by
    // then, they still mean that attachments were left out. Where one can't tell what a segment
    // refers to, any of the vault's attachments may be it: they are all looked at when the vault
    // is.
    void plan_attachments(bool whole_vault) {
        for (const auto& [name, planned] : segments_) {
            all_bytes_ += planned.reference.raw_bytes;
            // What a compaction's output refers to, its inputs do, too, as long as they are needed.
            if (planned.owner.backup_id.empty()) continue;
            const auto hashes = list_attachments(planned);
            if (!hashes) {
                unlisted_.emplace(name, hashes.error().message);
                continue;
            }
            for (const std::string& hash : *hashes)
                attachments_.emplace(hash, PlannedAttachment{name, planned.owner});
        }
        const bool all = whole_vault && !unlisted_.empty();
        if (attachments_.empty() && !all) return;
        const auto blobs = store_.list("attachments/");
        if (!blobs) return;
        for (const blobs::BlobInfo& blob : *blobs) {
            const std::string hash = blob.name.substr(blob.name.find('/') + 1);
            if (all) attachments_.emplace(hash, PlannedAttachment{unlisted_.begin()->first, {}});
            if (attachments_.contains(hash)) all_bytes_ += blob.size;
        }
    }

    Result<std::vector<std::string>> list_attachments(const PlannedSegment& planned) const {
        DAVENPORT_ASSIGN(const auto segment, SegmentReader::open(store_, planned.reference));
        return segment->attachment_names();
    }

    void check_keys() {
        const auto wrong = keys_.verify();
        if (!wrong)
            return find({}, "keys/",
                        fmt::format("the keys can't be listed: {}", wrong.error().message));
        for (const auto& [name, what] : *wrong)
            find({}, name, fmt::format("a key is damaged: {}", what));
    }

    Result<> advance(std::uint64_t bytes) {
        result_.raw_bytes += bytes;
        if (progress_)
            go_on_ = progress_(result_.raw_bytes, std::max(all_bytes_, result_.raw_bytes));
        return go_on_;
    }

    void check_segment(const PlannedSegment& planned) {
        ++result_.segments;
        const std::string& name = planned.reference.name;
        const auto segment = SegmentReader::open(store_, planned.reference, &keys_);
        // What no backup needs may be collected meanwhile.
        if (!segment && planned.owner.backup_id.empty() && !is_there(name)) return;
        if (!segment)
            return find(planned.owner, name,
                        fmt::format("all its {} documents are affected: {}",
                                    planned.reference.records, segment.error().message));
        const auto damages =
            (*segment)->verify([this](std::uint64_t bytes) { return advance(bytes); });
        if (!go_on_) return;
        if (!damages)
            return find(planned.owner, name,
                        fmt::format("it can't be read to its end: {}", damages.error().message));
        if (const auto readable = (*segment)->readable();
            !readable && readable.error().code == ErrorCode::locked)
            ++result_.undecrypted;
        else if (!readable)
            find(planned.owner, name,
                 fmt::format("all its {} documents are affected: {}", planned.reference.records,
                             readable.error().message));
        for (const SegmentReader::Damage& damage : *damages)
            find(planned.owner, name,
                 damage.first_id.empty()
                     ? fmt::format("documents, which are encrypted, are damaged: {}", damage.reason)
                     : fmt::format("the documents from '{}' to '{}' are damaged: {}",
                                   damage.first_id, damage.last_id, damage.reason));
        const auto unlisted = unlisted_.find(name);
        if (damages->empty() && unlisted != unlisted_.end())
            find(planned.owner, name,
                 fmt::format("its attachments were not checked: {}", unlisted->second));
    }

    void check_attachment_of(const std::string& hash, const PlannedAttachment& planned) {
        ++result_.attachments;
        std::uint64_t bytes = 0;
        const auto checked = check_attachment(store_, hash, &keys_, bytes);
        if (!advance(bytes)) return;
        if (checked && *checked == Contents::locked) ++result_.undecrypted;
        if (!checked)
            find(planned.owner, attachment_blob(hash),
                 fmt::format("an attachment of {} is damaged: {}", documents_with(hash, planned),
                             checked.error().message));
    }

    // The ids of the documents that have the attachment, as far as they can be read.
    std::string documents_with(const std::string& hash, const PlannedAttachment& planned) const {
        const auto segment =
            SegmentReader::open(store_, segments_.at(planned.segment).reference, &keys_);
        std::string ids;
        std::size_t count = 0;
        if (segment) {
            const auto cursor = (*segment)->scan();
            for (auto record = cursor->next(); record && *record; record = cursor->next()) {
                if ((*record)->attachments.find(hash) == std::string_view::npos &&
                    (*record)->extra.find(hash) == std::string_view::npos)
                    continue;
                if (++count <= max_named_documents)
                    ids += fmt::format("{}'{}'", ids.empty() ? "" : ", ", (*record)->id);
            }
        }
        if (count == 0) return "a document";
        if (count > max_named_documents)
            ids += fmt::format(" and {} more", count - max_named_documents);
        return fmt::format("{} {}", count == 1 ? "the document" : "the documents", ids);
    }

    void check_appended(const std::string& name, const std::string& id) {
        ++result_.appended;
        if (const auto sealed = check_checksum(name); !sealed)
            return find({id, {}}, name, sealed.error().message);
        const auto header = read_appended_header(store_, name, &keys_);
        if (!header && header.error().code == ErrorCode::locked) {
            ++result_.undecrypted;
            return;
        }
        if (!header) return find({id, {}}, name, header.error().message);
        if (const auto bytes = read_appended_bytes(store_, *header, &keys_); !bytes)
            find({id, {}}, name,
                 fmt::format("the appended attachment '{}' is damaged: {}", header->attachment.name,
                             bytes.error().message));
    }

    // What can be said without the key.
    Result<> check_checksum(const std::string& name) const {
        DAVENPORT_ASSIGN(const auto blob, store_.open(name));
        std::string beginning;
        if (blob->size() < sealed_signature_bytes) return {};
        DAVENPORT_TRY(blob->read(0, sealed_signature_bytes, beginning));
        return begins_sealed(beginning) ? check_sealed(*blob) : Result<>();
    }

    const blobs::BlobStore& store_;
    const Keys& keys_;
    const Progress& progress_;
    Verification result_;
    std::map<std::string, PlannedSegment> segments_;        // by name
    std::map<std::string, PlannedAttachment> attachments_;  // by hash
    std::map<std::string, std::string> unlisted_;           // segment -> error
    std::map<std::string, std::string> appended_;           // blob -> backup
    std::uint64_t all_bytes_ = 0;
    Result<> go_on_;  // or why not, as `progress` said
};

}  // namespace

Result<Verification> Vault::verify(const std::vector<std::string>& ids,
                                   const VerifyProgress& progress) const {
    // A catalog of its own: what was read earlier proves nothing about what is stored now.
    Catalog fresh(*impl_->store, impl_->signing.trusted);
    DAVENPORT_ASSIGN(const auto chain, fresh.chain());
    // Keys of its own, too.
    const Keys keys(*impl_->store, impl_->keys.ring());
    Verifier verifier(*impl_->store, keys, progress);
    verifier.check_all_of(*chain);
    return verifier.run(*chain, ids);
}

}  // namespace davenport::vault
