#include "document_input.hpp"

#include "answers.hpp"
#include "davenport/base/encoding.hpp"
#include "parameters.hpp"

namespace davenport::api::couchdb {
namespace {

using documents::AttachmentWrite;
using documents::DocumentWrite;
using documents::InlineAttachment;
using documents::ParsedDocument;
using documents::WriteMode;

constexpr std::string_view no_document_has = "_members_of";

Result<AttachmentWrite> attachment_write(const InlineAttachment& attachment) {
    DAVENPORT_TRY(check_attachment_name(attachment.name));
    AttachmentWrite write;
    write.name = attachment.name;
    write.content_type = attachment.content_type;
    write.revpos = attachment.revpos;
    write.stub = attachment.stub;
    write.digest = attachment.digest;
    if (attachment.stub) return write;
    auto bytes = from_base64(attachment.data_base64);
    if (!bytes)
        return fail(ErrorCode::invalid_argument,
                    "the data of the attachment \"{}\" is not base64: {}", attachment.name,
                    bytes.error().message);
    // As in CouchDB, a digest beside data says nothing: it may be that of a compressed form.
    write.digest.clear();
    write.source = documents::source_of(std::move(*bytes));
    return write;
}

}  // namespace

Result<WriteMode> write_mode(const http::Request& request) {
    DAVENPORT_ASSIGN(const bool new_edits, Parameters(request).flag("new_edits", true));
    return new_edits ? WriteMode::interactive : WriteMode::replicated;
}

Result<> check_attachment_name(std::string_view name) {
    if (name.empty()) return fail(refusal("bad_request", "Attachment name is empty"));
    if (name.front() == '_')
        return fail(refusal("bad_request", "Attachment name starts with prohibited character '_'"));
    if (find_invalid_utf8(name) != std::string_view::npos)
        return fail(refusal("bad_request", "Attachment name is not UTF-8 encoded"));
    if (name.find('\0') != std::string_view::npos)
        return fail(refusal("bad_request", "Attachment name holds a NUL"));
    return {};
}

Result<DocumentWrite> write_of(const ParsedDocument& document, WriteMode mode,
                               const CouchdbOptions& options) {
    DAVENPORT_TRY(documents::check_document_id(document.id));
    if (document.body.size() > options.max_document_bytes)
        return fail(refusal("document_too_large", document.id));
    DocumentWrite write;
    write.id = document.id;
    write.revision = document.revision;
    write.body = document.body;
    write.type = document.type;
    write.deleted = document.deleted;
    if (mode == WriteMode::replicated) {
        if (write.revision.empty() && !document.history.empty())
            write.revision = document.history.front();
        if (write.revision.empty())
            return fail(refusal("bad_request",
                                "With new_edits=false a document needs `_rev` or `_revisions`"));
        if (!document.history.empty() && document.history.front() != write.revision)
            return fail(refusal("bad_request", "`_rev` is not the first of `_revisions`"));
        write.history = document.history.empty() ? std::span(&document.revision, 1)
                                                 : std::span(document.history);
    }
    for (const InlineAttachment& attachment : document.attachments) {
        DAVENPORT_ASSIGN(AttachmentWrite part, attachment_write(attachment));
        write.attachments.push_back(std::move(part));
    }
    return write;
}

Result<http::Response> write_one(documents::Database& database, const DocumentWrite& write,
                                 WriteMode mode, int created_status) {
    DAVENPORT_ASSIGN(auto outcomes,
                     database.write(std::span(&write, 1), mode, documents::Atomicity::each));
    if (outcomes.size() != 1)
        return fail(ErrorCode::internal, "one write had {} outcomes", outcomes.size());
    documents::WriteOutcome& outcome = outcomes.front();
    if (outcome.error) return fail(std::move(*outcome.error));
    http::Response response =
        written_answer(write.deleted ? 200 : created_status, write.id, outcome.revision);
    return response;
}

Result<std::vector<documents::DocumentParser::Member>> members_of(const std::string& text,
                                                                  std::string& buffer) {
    const std::size_t brace = text.find_first_not_of(" \t\r\n");
    if (brace == std::string::npos || text[brace] != '{')
        return fail(ErrorCode::invalid_argument, "the document must be a JSON object, at byte 0");
    const std::size_t first = text.find_first_not_of(" \t\r\n", brace + 1);
    const bool empty = first != std::string::npos && text[first] == '}';
    buffer = fmt::format("{{\"{}\":[]{}", no_document_has, empty ? "" : ",");
    buffer.append(text, brace + 1);
    DAVENPORT_ASSIGN(auto envelope,
                     documents::DocumentParser().split_envelope(buffer, no_document_has));
    return std::move(envelope.others);
}

}  // namespace davenport::api::couchdb
