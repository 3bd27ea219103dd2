#include "document_answer.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/documents/document_text.hpp"

#include <algorithm>

namespace davenport::api::couchdb {
namespace {

using documents::AttachmentStub;
using documents::ByteSource;
using documents::Document;

constexpr std::size_t piece_bytes =
    48 * 1024;  // a multiple of 3: base64 pieces join without padding

void append_strings(std::string& out, std::string_view member,
                    const std::vector<std::string>& texts) {
    out += fmt::format(",\"{}\":[", member);
    for (const std::string& text : texts) {
        if (&text != &texts.front()) out.push_back(',');
        append_quoted(out, text);
    }
    out.push_back(']');
}

void append_revisions(std::string& out, const Document& document) {
    const auto newest = documents::RevisionId::parse(document.revision);
    out += fmt::format(",\"_revisions\":{{\"start\":{},\"ids\":[", newest ? newest->generation : 0);
    bool first = true;
    for (const std::string& revision : document.history) {
        if (!first) out.push_back(',');
        first = false;
        append_quoted(out, std::string_view(revision).substr(revision.find('-') + 1));
    }
    out += "]}";
}

// Everything up to, but without, the closing brace.
void append_open_document(std::string& out, const Document& document, const DocumentShape& shape,
                          std::string_view revisions_info, std::string_view attachments) {
    documents::append_document_text(out, document.id, document.revision, document.deleted,
                                    document.body, attachments);
    out.pop_back();
    if (shape.revisions) append_revisions(out, document);
    if (!revisions_info.empty()) {
        out += ",\"_revs_info\":";
        out += revisions_info;
    }
    if (shape.conflicts && !document.conflicts.empty())
        append_strings(out, "_conflicts", document.conflicts);
    if (shape.deleted_conflicts && !document.deleted_conflicts.empty())
        append_strings(out, "_deleted_conflicts", document.deleted_conflicts);
    if (shape.sequence) out += fmt::format(",\"_local_seq\":{}", document.sequence);
}

class DocumentWithData final : public Producer {
  public:
    DocumentWithData(Document document, DocumentShape shape, AttachmentOpener open,
                     std::string revisions_info)
        : document_(std::move(document)),
          shape_(shape),
          open_(std::move(open)),
          revisions_info_(std::move(revisions_info)) {}

    Result<bool> produce(std::string& out) override {
        switch (stage_) {
            case Stage::text:
                append_open_document(out, document_, shape_, revisions_info_, {});
                if (!document_.attachments.empty()) out += ",\"_attachments\":{";
                stage_ = Stage::attachments;
                return true;
            case Stage::attachments:
                if (source_) {
                    DAVENPORT_TRY(append_piece(out));
                } else if (next_ < document_.attachments.size()) {
                    DAVENPORT_TRY(begin_attachment(out));
                } else {
                    out += document_.attachments.empty() ? "}" : "}}";
                    stage_ = Stage::done;
                }
                return true;
            case Stage::done:
                break;
        }
        return false;
    }

  private:
    Result<> begin_attachment(std::string& out) {
        const AttachmentStub& stub = document_.attachments[next_];
        DAVENPORT_ASSIGN(source_, open_(stub.name));
        left_ = stub.length;
        if (next_ > 0) out.push_back(',');
        append_quoted(out, stub.name);
        out += ":{\"content_type\":";
        append_quoted(out, stub.content_type);
        out += fmt::format(",\"revpos\":{},\"digest\":", stub.revpos);
        append_quoted(out, stub.digest);
        out += ",\"data\":\"";
        return {};
    }

    Result<> append_piece(std::string& out) {
        std::size_t filled = 0;
        while (filled < piece_.size()) {
            DAVENPORT_ASSIGN(const std::size_t count,
                             source_->read(std::span(piece_).subspan(filled)));
            if (count == 0) break;
            filled += count;
        }
        if (filled > left_ || (filled < piece_.size() && filled < left_))
            return fail(ErrorCode::corrupt, "an attachment of {} is not as long as its stub says",
                        document_.id);
        append_base64(out, {piece_.data(), filled});
        left_ -= filled;
        if (filled == piece_.size()) return {};
        out += "\"}";
        source_.reset();
        ++next_;
        return {};
    }

    enum class Stage { text, attachments, done };
    Stage stage_ = Stage::text;
    const Document document_;
    const DocumentShape shape_;
    const AttachmentOpener open_;
    const std::string revisions_info_;
    std::size_t next_ = 0;
    std::unique_ptr<ByteSource> source_;
    std::uint64_t left_ = 0;  // bytes of the attachment that are still to come
    std::vector<char> piece_ = std::vector<char>(piece_bytes);
};

}  // namespace

Result<DocumentShape> DocumentShape::of(const Parameters& parameters) {
    DocumentShape shape;
    DAVENPORT_ASSIGN(const bool meta, parameters.flag("meta", false));
    DAVENPORT_ASSIGN(shape.revisions, parameters.flag("revs", false));
    DAVENPORT_ASSIGN(shape.revisions_info, parameters.flag("revs_info", meta));
    DAVENPORT_ASSIGN(shape.conflicts, parameters.flag("conflicts", meta));
    DAVENPORT_ASSIGN(shape.deleted_conflicts, parameters.flag("deleted_conflicts", meta));
    DAVENPORT_ASSIGN(shape.sequence, parameters.flag("local_seq", false));
    DAVENPORT_ASSIGN(shape.attachment_data, parameters.flag("attachments", false));
    return shape;
}

bool DocumentShape::plain() const {
    return !revisions && !revisions_info && !conflicts && !deleted_conflicts && !sequence &&
           !attachment_data;
}

documents::ReadOptions DocumentShape::read_options(std::string revision) const {
    documents::ReadOptions options;
    options.revision = std::move(revision);
    options.history = revisions || revisions_info;
    options.conflicts = conflicts || deleted_conflicts;
    return options;
}

AttachmentOpener attachments_of(std::shared_ptr<documents::Database> database, std::string id,
                                std::string revision) {
    return [database = std::move(database), id = std::move(id), revision = std::move(revision)](
               const std::string& name) { return database->attachment(id, revision, name); };
}

AttachmentOpener attachments_of(std::shared_ptr<documents::Snapshot> snapshot, std::string id,
                                std::string revision) {
    return [snapshot = std::move(snapshot), id = std::move(id), revision = std::move(revision)](
               const std::string& name) { return snapshot->attachment(id, revision, name); };
}

void append_document(std::string& out, const Document& document, const DocumentShape& shape,
                     std::string_view revisions_info) {
    const std::string attachments = document.attachments.empty()
                                        ? std::string()
                                        : documents::to_stub_text(document.attachments);
    append_open_document(out, document, shape, revisions_info, attachments);
    out.push_back('}');
}

std::unique_ptr<Producer> document_with_data(Document document, DocumentShape shape,
                                             AttachmentOpener open, std::string revisions_info) {
    return std::make_unique<DocumentWithData>(std::move(document), shape, std::move(open),
                                              std::move(revisions_info));
}

Result<std::vector<FoundRevision>> find_revisions(documents::Database& database,
                                                  std::string_view id,
                                                  const std::vector<std::string>& revisions,
                                                  Latest latest, const DocumentShape& shape) {
    std::vector<FoundRevision> found;
    if (revisions.empty() || latest == Latest::yes) {
        auto tree = database.leaves(id, shape.revisions || !revisions.empty());
        const bool unknown = !tree && tree.error().code == ErrorCode::not_found;
        if (!tree && (!unknown || revisions.empty())) return fail(std::move(tree).error());
        std::vector<Document> leaves;
        if (tree) leaves = std::move(*tree);
        if (revisions.empty()) {
            for (Document& leaf : leaves) found.push_back({leaf.revision, std::move(leaf)});
            return found;
        }
        for (const std::string& revision : revisions) {
            const std::size_t before = found.size();
            for (const Document& leaf : leaves)
                if (std::find(leaf.history.begin(), leaf.history.end(), revision) !=
                    leaf.history.end())
                    found.push_back({leaf.revision, leaf});
            if (found.size() == before) found.push_back({revision, std::nullopt});
        }
        return found;
    }
    for (const std::string& revision : revisions) {
        auto document = database.get(id, shape.read_options(revision));
        if (document)
            found.push_back({revision, std::move(*document)});
        else if (document.error().code == ErrorCode::not_found)
            found.push_back({revision, {}});
        else
            return fail(std::move(document).error());
    }
    return found;
}

}  // namespace davenport::api::couchdb
