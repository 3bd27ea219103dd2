// POST _bulk_docs: the whole request is checked before one transaction writes it.
#include "answers.hpp"
#include "davenport/base/json.hpp"
#include "davenport/base/random.hpp"
#include "document_input.hpp"
#include "endpoint.hpp"

namespace davenport::api::couchdb {
namespace {

using documents::DocumentParser;
using documents::DocumentWrite;
using documents::ParsedDocument;
using documents::WriteMode;

// `new_edits` of the envelope; other members mean nothing to CouchDB either, but a request for
// atomicity must not be passed over.
Result<WriteMode> envelope_mode(const DocumentParser::Envelope& envelope) {
    WriteMode mode = WriteMode::interactive;
    for (const auto& member : envelope.others) {
        if (member.name == "all_or_nothing" && member.text != "false")
            return fail(refusal("bad_request", "all_or_nothing is not supported"));
        if (member.name != "new_edits") continue;
        if (member.text == "false")
            mode = WriteMode::replicated;
        else if (member.text != "true")
            return fail(refusal("bad_request", "`new_edits` must be true or false"));
    }
    return mode;
}

// A fault of one document, with its place in the array.
Error at_document(Error error, std::size_t index) {
    if (error.detail != "document_too_large")
        error.message = fmt::format("docs[{}]: {}", index, error.message);
    return error;
}

Result<ParsedDocument> parse(DocumentParser& parser, std::string_view text) {
    DAVENPORT_ASSIGN(ParsedDocument document,
                     parser.parse(text, documents::UnknownReserved::refuse));
    if (document.id.empty()) document.id = random_hex(32);
    if (document.id.starts_with("_local/"))
        return fail(refusal("not_implemented", "_local documents are written with PUT"));
    return document;
}

void append_outcome(std::string& out, const DocumentWrite& write,
                    const documents::WriteOutcome& outcome) {
    out += outcome.error ? "{\"id\":" : "{\"ok\":true,\"id\":";
    append_quoted(out, write.id);
    out.push_back(',');
    if (outcome.error) {
        append_error(out, *outcome.error);
    } else {
        out += "\"rev\":\"";
        out += outcome.revision;
        out.push_back('"');
    }
    out.push_back('}');
}

Result<http::Response> bulk_docs(const Endpoint& endpoint, const http::Request& request) {
    DAVENPORT_TRY(require_json(request));
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    DocumentParser parser;
    DAVENPORT_ASSIGN(const auto envelope, parser.split_envelope(request.body, "docs"));
    DAVENPORT_ASSIGN(const WriteMode mode, envelope_mode(envelope));
    if (envelope.docs.size() > endpoint.options.max_documents_per_request)
        return fail(refusal("max_bulk_docs_count_exceeded",
                            std::to_string(endpoint.options.max_documents_per_request)));

    // The writes borrow from the parsed documents, which therefore stay where they are.
    std::vector<ParsedDocument> parsed;
    parsed.reserve(envelope.docs.size());
    std::vector<DocumentWrite> writes;
    writes.reserve(envelope.docs.size());
    for (const std::string_view text : envelope.docs) {
        auto document = parse(parser, text);
        if (!document) return fail(at_document(std::move(document).error(), parsed.size()));
        parsed.push_back(std::move(*document));
        auto write = write_of(parsed.back(), mode, endpoint.options);
        if (!write) return fail(at_document(std::move(write).error(), writes.size()));
        writes.push_back(std::move(*write));
    }
    DAVENPORT_ASSIGN(const auto outcomes,
                     database->write(writes, mode, documents::Atomicity::each));
    if (outcomes.size() != writes.size())
        return fail(ErrorCode::internal, "{} writes had {} outcomes", writes.size(),
                    outcomes.size());

    std::string text;
    text.reserve(64 + writes.size() * 112);
    text.push_back('[');
    for (std::size_t i = 0; i < writes.size(); ++i) {
        // A replicator wants to hear about what failed only.
        if (mode == WriteMode::replicated && !outcomes[i].error) continue;
        if (text.size() > 1) text.push_back(',');
        append_outcome(text, writes[i], outcomes[i]);
    }
    text += "]\n";
    return json_answer(201, std::move(text));
}

}  // namespace

void add_bulk_docs_route(RouteTable& routes, const SharedEndpoint& endpoint) {
    routes.add("POST", "/:db/_bulk_docs", http::BodyPolicy::text(endpoint->options.max_bulk_bytes),
               [endpoint](http::Request& request) { return bulk_docs(*endpoint, request); });
}

}  // namespace davenport::api::couchdb
