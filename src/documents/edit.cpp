#include "edit.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/documents/document_text.hpp"
#include "json_reader.hpp"

#include <algorithm>
#include <charconv>

namespace davenport::documents {
namespace {

constexpr std::size_t max_attachment_name_bytes = 4096;
constexpr std::size_t max_content_type_bytes = 1024;

Result<> check_attachments(const DocumentWrite& write) {
    if (write.attachments.size() > max_attachments)
        return fail(ErrorCode::too_large, "document \"{}\" has {} attachments; {} is the limit",
                    write.id, write.attachments.size(), max_attachments);
    std::vector<std::string_view> names;
    for (const AttachmentWrite& attachment : write.attachments) {
        const std::string& name = attachment.name;
        if (name.empty() || name.size() > max_attachment_name_bytes || name.front() == '_' ||
            name.find('\0') != std::string::npos ||
            find_invalid_utf8(name) != std::string_view::npos)
            return fail(ErrorCode::invalid_argument,
                        "document \"{}\": an attachment's name must be UTF-8 of 1 to {} bytes that "
                        "does not begin with an underscore",
                        write.id, max_attachment_name_bytes);
        if (attachment.content_type.size() > max_content_type_bytes ||
            find_invalid_utf8(attachment.content_type) != std::string_view::npos)
            return fail(ErrorCode::invalid_argument,
                        "document \"{}\": the content type of attachment \"{}\" must be UTF-8 of "
                        "{} bytes at most",
                        write.id, name, max_content_type_bytes);
        if ((attachment.source != nullptr) == attachment.stub)
            return fail(ErrorCode::invalid_argument,
                        "document \"{}\": attachment \"{}\" must bring either bytes or a stub",
                        write.id, name);
        names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    if (const auto twice = std::adjacent_find(names.begin(), names.end()); twice != names.end())
        return fail(ErrorCode::invalid_argument, "document \"{}\": attachment \"{}\" stands twice",
                    write.id, *twice);
    return {};
}

tl::unexpected<Error> conflict(const DocumentWrite& write) {
    if (write.revision.empty())
        return fail(ErrorCode::conflict, "document \"{}\" exists already", write.id);
    return fail(ErrorCode::conflict, "revision {} of document \"{}\" is not current",
                write.revision, write.id);
}

// none = the first revision of a new document.
Result<RevisionId> parent_of_edit(const RevisionTree& tree, const DocumentWrite& write) {
    if (!write.revision.empty()) {
        DAVENPORT_ASSIGN(RevisionId parent, RevisionId::parse(write.revision));
        const RevisionNode* node = tree.find(parent);
        if (!node || !node->leaf) return conflict(write);
        return parent;
    }
    const RevisionTree::Entry* winner = tree.winner();
    if (!winner) return RevisionId{};
    if (!winner->second.deleted || write.deleted) return conflict(write);
    return winner->first;
}

Result<std::vector<RevisionId>> replicated_path(const DocumentWrite& write) {
    std::vector<RevisionId> path;
    DAVENPORT_ASSIGN(RevisionId revision, RevisionId::parse(write.revision));
    if (!write.history.empty() && write.history.front() != write.revision)
        return fail(ErrorCode::invalid_argument,
                    "document \"{}\": the history does not begin with revision {}", write.id,
                    write.revision);
    path.push_back(std::move(revision));
    for (std::size_t i = 1; i < write.history.size() && i < max_revisions; ++i) {
        DAVENPORT_ASSIGN(RevisionId ancestor, RevisionId::parse(write.history[i]));
        if (ancestor.generation >= path.back().generation)
            return fail(ErrorCode::invalid_argument,
                        "document \"{}\": the history must run from newer to older revisions",
                        write.id);
        path.push_back(std::move(ancestor));
    }
    return path;
}

// The leaf whose attachments stubs of a grafted revision stand for.
RevisionId nearest_leaf(const RevisionTree& tree, std::span<const RevisionId> path) {
    for (const RevisionId& id : path)
        if (const RevisionNode* node = tree.find(id); node && node->leaf) return id;
    return {};
}

Result<std::vector<PlannedAttachment>> plan_attachments(const RevisionTree& tree,
                                                        const DocumentWrite& write,
                                                        const RevisionId& parent,
                                                        std::uint64_t generation,
                                                        std::span<const AttachmentStub> brought) {
    std::vector<PlannedAttachment> planned;
    std::vector<AttachmentStub> before;
    if (const RevisionNode* node = tree.find(parent)) {
        DAVENPORT_ASSIGN(before, from_stub_text(node->content.attachments));
    }
    for (std::size_t i = 0; i < write.attachments.size(); ++i) {
        const AttachmentWrite& attachment = write.attachments[i];
        PlannedAttachment plan;
        plan.index = i;
        if (attachment.source) {
            plan.stub = brought[i];
            plan.stub.name = attachment.name;
            plan.stub.content_type = attachment.content_type;
            plan.stub.revpos = attachment.revpos != 0 ? attachment.revpos : generation;
            if (!attachment.digest.empty() && attachment.digest != plan.stub.digest)
                return fail(ErrorCode::invalid_argument,
                            "document \"{}\": attachment \"{}\" has the digest {}, not {}",
                            write.id, attachment.name, plan.stub.digest, attachment.digest);
        } else {
            const auto kept = std::find_if(before.begin(), before.end(), [&](const auto& stub) {
                return stub.name == attachment.name &&
                       (attachment.digest.empty() || attachment.digest == stub.digest);
            });
            if (kept == before.end())
                return fail(Error{ErrorCode::conflict,
                                  fmt::format("document \"{}\": the attachment \"{}\" to keep is "
                                              "not there",
                                              write.id, attachment.name),
                                  "missing_stub"});
            plan.stub = *kept;
            plan.kept_from = parent;
        }
        planned.push_back(std::move(plan));
    }
    std::sort(planned.begin(), planned.end(),
              [](const auto& a, const auto& b) { return a.stub.name < b.stub.name; });
    return planned;
}

std::vector<AttachmentStub> stubs_of(const std::vector<PlannedAttachment>& planned) {
    std::vector<AttachmentStub> stubs;
    stubs.reserve(planned.size());
    for (const PlannedAttachment& plan : planned) stubs.push_back(plan.stub);
    return stubs;
}

bool same_attachments(std::string_view before, std::vector<AttachmentStub> after) {
    if (before.empty() || after.empty()) return before.empty() && after.empty();
    auto stubs = from_stub_text(before);
    if (!stubs) return false;
    for (auto* list : {&*stubs, &after})
        for (AttachmentStub& stub : *list) stub.revpos = 0;
    return *stubs == after;
}

}  // namespace

Result<> check_write(const DocumentWrite& write, WriteMode mode) {
    DAVENPORT_TRY(check_document_id(write.id));
    if (write.id.starts_with("_local/"))
        return fail(ErrorCode::invalid_argument,
                    "\"{}\" is the id of a local document, which has no revisions", write.id);
    if (write.body.size() > max_body_bytes)
        return fail(ErrorCode::too_large, "document \"{}\" has {} bytes; {} is the limit", write.id,
                    write.body.size(), max_body_bytes);
    if (write.body.size() < 2 || write.body.front() != '{' || write.body.back() != '}')
        return fail(ErrorCode::invalid_argument, "document \"{}\" is no JSON object", write.id);
    if (mode == WriteMode::replicated && write.revision.empty())
        return fail(ErrorCode::invalid_argument,
                    "document \"{}\": a replicated write needs its revision", write.id);
    return write.attachments.empty() ? Result<>{} : check_attachments(write);
}

RevisionId RevisionHasher::child_of(const RevisionId& parent, bool deleted, std::string_view body,
                                    std::span<const AttachmentStub> attachments) {
    // Lengths before the parts: no two different edits give one text to hash.
    char head[40];
    char* end = std::to_chars(head, head + 20, parent.generation).ptr;
    *end++ = deleted ? '-' : '+';
    end = std::to_chars(end, head + sizeof head, body.size()).ptr;
    md5_.update(parent.hash);
    md5_.update({head, static_cast<std::size_t>(end - head)});
    md5_.update(body);
    for (const AttachmentStub& stub : attachments)
        md5_.update(fmt::format("{}:{}{}:{}{}:{}{}", stub.name.size(), stub.name,
                                stub.content_type.size(), stub.content_type, stub.digest.size(),
                                stub.digest, stub.length));
    return {parent.generation + 1, to_hex(as_bytes(md5_.finish()))};
}

Result<Edit> plan_edit(const RevisionTree& tree, const DocumentWrite& write, WriteMode mode,
                       std::span<const AttachmentStub> brought, RevisionHasher& hasher) {
    Edit edit;
    edit.deleted = write.deleted;
    RevisionId parent;
    std::uint64_t generation = 0;
    if (mode == WriteMode::replicated) {
        DAVENPORT_ASSIGN(edit.path, replicated_path(write));
        edit.revision = edit.path.front();
        // Known already: its content stays, only its ancestry may grow.
        if (tree.find(edit.revision)) return edit;
        parent = nearest_leaf(tree, edit.path);
        generation = edit.revision.generation;
    } else {
        const RevisionTree::Entry* winner = tree.winner();
        if (mode == WriteMode::interactive) {
            DAVENPORT_ASSIGN(parent, parent_of_edit(tree, write));
        } else if (winner) {
            parent = winner->first;
        }
        generation = parent.generation + 1;
    }

    DAVENPORT_ASSIGN(edit.attachments, plan_attachments(tree, write, parent, generation, brought));
    const std::vector<AttachmentStub> stubs = stubs_of(edit.attachments);
    if (mode == WriteMode::overwrite && parent.exists()) {
        const RevisionNode& current = *tree.find(parent);
        if (current.deleted == write.deleted &&
            same_attachments(current.content.attachments, stubs) &&
            same_json(current.content.body, write.body)) {
            edit.unchanged = true;
            edit.revision = parent;
            return edit;
        }
        if (write.deleted)
            for (const RevisionTree::Entry* leaf : tree.leaves())
                if (!leaf->second.deleted && leaf->first != parent)
                    edit.also_deleted.push_back(leaf->first);
    }
    if (mode != WriteMode::replicated) {
        edit.revision = hasher.child_of(parent, write.deleted, write.body, stubs);
        edit.path.push_back(edit.revision);
        if (parent.exists()) edit.path.push_back(parent);
    }
    edit.content.type = write.type;
    edit.content.body = write.body;
    if (!stubs.empty()) edit.content.attachments = to_stub_text(stubs);
    return edit;
}

bool apply_edit(RevisionTree& tree, Edit& edit, RevisionHasher& hasher) {
    bool changed = tree.graft(edit.path, edit.deleted, std::move(edit.content));
    for (const RevisionId& leaf : edit.also_deleted) {
        const RevisionId path[] = {hasher.child_of(leaf, true, "{}", {}), leaf};
        changed |= tree.graft(path, true, Content{{}, "{}", {}});
    }
    return changed;
}

WriteOutcome::Kind kind_of(bool deleted, bool visible_before) {
    if (deleted) return WriteOutcome::Kind::deleted;
    return visible_before ? WriteOutcome::Kind::changed : WriteOutcome::Kind::created;
}

Result<> check_local_id(std::string_view id) {
    return check_document_id(fmt::format("_local/{}", id));
}

Result<> check_local_revision(std::string_view id, std::optional<std::int64_t> current,
                              std::string_view revision) {
    const std::string expected = current ? fmt::format("0-{}", *current) : std::string();
    if (revision == expected) return {};
    return fail(ErrorCode::conflict, "local document \"{}\": the revision given is not current",
                id);
}

Result<> check_object_text(std::string_view what, std::string_view text) {
    if (text.size() > max_body_bytes)
        return fail(ErrorCode::too_large, "{} has {} bytes; {} is the limit", what, text.size(),
                    max_body_bytes);
    JsonReader reader;
    DAVENPORT_ASSIGN(const simdjson::dom::element element, reader.read(text));
    if (!element.is_object())
        return fail(ErrorCode::invalid_argument, "{} must be a JSON object", what);
    return {};
}

WriteOutcome failed_outcome(Error error) {
    WriteOutcome outcome;
    outcome.error = std::move(error);
    return outcome;
}

}  // namespace davenport::documents
