#pragma once

#include "davenport/base/hash.hpp"
#include "davenport/documents/document_store.hpp"
#include "revision_tree.hpp"

// What a write does to a document, decided apart from any storage, so that every engine decides the
// same. Internal to this module.
namespace davenport::documents {

inline constexpr std::size_t max_body_bytes = std::size_t{64} << 20;
inline constexpr std::size_t max_attachments = 10'000;  // of one document

// Whether the write is well formed, whatever the database holds: invalid_argument, too_large.
Result<> check_write(const DocumentWrite& write, WriteMode mode);

// Names revisions from what they hold and come from: the same edit on two replicas is one revision.
// Not thread-safe.
class RevisionHasher {
  public:
    RevisionId child_of(const RevisionId& parent, bool deleted, std::string_view body,
                        std::span<const AttachmentStub> attachments);

  private:
    Md5 md5_;
};

struct PlannedAttachment {
    AttachmentStub stub;
    std::size_t index = 0;  // in DocumentWrite::attachments
    RevisionId kept_from;   // the leaf whose bytes it keeps; none = new bytes
};

struct Edit {
    bool unchanged = false;  // nothing to do; `revision` is the current one
    RevisionId revision;
    std::vector<RevisionId> path;  // for RevisionTree::graft
    bool deleted = false;
    Content content;
    std::vector<PlannedAttachment> attachments;
    // Other leaves that a deletion by `overwrite` ends too, so that the document is really gone.
    std::vector<RevisionId> also_deleted;
};

// `tree` needs only its leaves, except for replicated writes. `brought` runs along with
// write.attachments and has digest and length of those with a source. `conflict` with detail
// "missing_stub" where a stub has nothing to stand for.
Result<Edit> plan_edit(const RevisionTree& tree, const DocumentWrite& write, WriteMode mode,
                       std::span<const AttachmentStub> brought, RevisionHasher& hasher);

// Puts the edit into the tree; true if the leaves changed.
bool apply_edit(RevisionTree& tree, Edit& edit, RevisionHasher& hasher);

// What to call a change: `visible_before` says whether there was a document to be seen.
WriteOutcome::Kind kind_of(bool deleted, bool visible_before);

WriteOutcome failed_outcome(Error error);

// `_local` documents: their revision is a counter. `current` none = there is no such document.
Result<> check_local_id(std::string_view id);  // without the prefix
Result<> check_local_revision(std::string_view id, std::optional<std::int64_t> current,
                              std::string_view revision);
// invalid_argument unless `text` is a JSON object.
Result<> check_object_text(std::string_view what, std::string_view text);

}  // namespace davenport::documents
