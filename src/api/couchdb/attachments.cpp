// Attachments: bytes of any size, streamed both ways.
#include "answers.hpp"
#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/documents/document_text.hpp"
#include "davenport/http/range.hpp"
#include "document_input.hpp"
#include "endpoint.hpp"
#include "parameters.hpp"
#include "spooled_source.hpp"

#include <algorithm>

namespace davenport::api::couchdb {
namespace {

using documents::AttachmentStub;
using documents::AttachmentWrite;
using documents::Document;
using documents::DocumentWrite;

tl::unexpected<Error> no_attachment() {
    return fail(ErrorCode::not_found, "Document is missing attachment");
}

// `length` bytes of an attachment from `offset` on; keeps the view that they are read from.
class AttachmentBody final : public http::BodySource {
  public:
    AttachmentBody(std::shared_ptr<documents::Snapshot> snapshot,
                   std::unique_ptr<documents::ByteSource> source, const http::ByteRange& range)
        : snapshot_(std::move(snapshot)),
          source_(std::move(source)),
          to_skip_(range.first),
          left_(range.length) {}

    Result<std::size_t> read(std::span<char> buffer) override {
        while (to_skip_ > 0) {
            const auto part = buffer.first(std::min<std::uint64_t>(buffer.size(), to_skip_));
            DAVENPORT_ASSIGN(const std::size_t count, source_->read(part));
            if (count == 0) return too_short();
            to_skip_ -= count;
        }
        const auto part = buffer.first(std::min<std::uint64_t>(buffer.size(), left_));
        if (part.empty()) return std::size_t{0};
        DAVENPORT_ASSIGN(const std::size_t count, source_->read(part));
        if (count == 0) return too_short();
        left_ -= count;
        return count;
    }

  private:
    static tl::unexpected<Error> too_short() {
        return fail(ErrorCode::corrupt, "an attachment is shorter than its stub says");
    }

    const std::shared_ptr<documents::Snapshot> snapshot_;
    const std::unique_ptr<documents::ByteSource> source_;
    std::uint64_t to_skip_;
    std::uint64_t left_;
};

const AttachmentStub* find(const Document& document, std::string_view name) {
    for (const AttachmentStub& stub : document.attachments)
        if (stub.name == name) return &stub;
    return nullptr;
}

// As a header value: what could end the header, or is no type at all, is sent as plain bytes.
std::string safe_content_type(std::string_view type) {
    const bool printable =
        std::all_of(type.begin(), type.end(), [](char c) { return c >= ' ' && c <= '~'; });
    return std::string(printable && !type.empty() ? type : "application/octet-stream");
}

Result<http::Response> get(const Endpoint& endpoint, const http::Request& request,
                           std::string_view prefix) {
    DAVENPORT_ASSIGN(const std::string id, document_id(request, prefix));
    const std::string& name = request.capture("name");
    DAVENPORT_TRY(check_attachment_name(name));
    DAVENPORT_ASSIGN(const auto revision, Parameters(request).text("rev"));
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    DAVENPORT_ASSIGN(std::shared_ptr<documents::Snapshot> snapshot, database->snapshot());
    documents::ReadOptions options;
    options.revision = revision.value_or("");
    DAVENPORT_ASSIGN(const Document document, snapshot->get(id, options));
    const AttachmentStub* stub = find(document, name);
    if (!stub) return no_attachment();

    const std::string digest =
        stub->digest.starts_with("md5-") ? stub->digest.substr(4) : stub->digest;
    const std::string etag = "\"" + digest + "\"";
    http::Response response;
    response.headers.add("ETag", etag);
    response.headers.add("Cache-Control", "private, must-revalidate");
    if (request.headers.get("If-None-Match").value_or("").find(etag) != std::string_view::npos) {
        response.status = 304;
        return response;
    }
    const http::ByteRange range = http::requested_range(request.headers, stub->length, etag);
    if (range.kind == http::ByteRange::Kind::unsatisfiable) {
        http::Response refused = error_answer(
            refusal("requested_range_not_satisfiable", "Requested range not satisfiable"));
        refused.headers.add("Content-Range", http::content_range(range, stub->length));
        return refused;
    }
    DAVENPORT_ASSIGN(auto source, snapshot->attachment(id, document.revision, name));
    if (range.kind == http::ByteRange::Kind::part) {
        response.status = 206;
        response.headers.add("Content-Range", http::content_range(range, stub->length));
    } else {
        response.headers.add("Content-MD5", digest);
    }
    response.headers.add("Content-Type", safe_content_type(stub->content_type));
    response.headers.add("Accept-Ranges", "bytes");
    // Attachments are foreign content on our own origin: no browser may run them.
    response.headers.add("Content-Security-Policy", "sandbox");
    response.headers.add("X-Content-Type-Options", "nosniff");
    response.source_size = range.length;
    response.body = std::make_unique<AttachmentBody>(std::move(snapshot), std::move(source), range);
    return response;
}

// The version that an attachment is put to or taken from. Without a revision it must not exist.
Result<Document> base_document(documents::Database& database, const std::string& id,
                               const std::string& revision) {
    documents::ReadOptions options;
    options.revision = revision;
    auto document = database.get(id, options);
    if (revision.empty()) {
        if (document) return fail(ErrorCode::conflict, "the document exists");
        if (document.error().code != ErrorCode::not_found) return document;
        Document fresh;
        fresh.id = id;
        return fresh;
    }
    // A revision that was overwritten may be gone, which is a conflict as long as there is a
    // document.
    if (!document && document.error().code == ErrorCode::not_found && database.get(id))
        return fail(ErrorCode::conflict, "the revision is not current");
    return document;
}

AttachmentWrite kept(const AttachmentStub& stub) {
    AttachmentWrite write;
    write.name = stub.name;
    write.content_type = stub.content_type;
    write.stub = true;
    write.digest = stub.digest;
    write.revpos = stub.revpos;
    return write;
}

// The next version of `document`, with every attachment but `name` as it is.
Result<DocumentWrite> next_version(const Document& document, std::string_view name,
                                   std::string& type) {
    DAVENPORT_ASSIGN(auto parsed, documents::DocumentParser().parse(
                                      document.body, documents::UnknownReserved::drop));
    type = std::move(parsed.type);
    DocumentWrite write;
    write.id = document.id;
    write.revision = document.revision;
    write.body = document.body;
    write.type = type;
    for (const AttachmentStub& stub : document.attachments)
        if (stub.name != name) write.attachments.push_back(kept(stub));
    return write;
}

Result<> check_md5(const http::Request& request) {
    const auto wanted = request.headers.get("Content-MD5");
    if (!wanted) return {};
    DAVENPORT_ASSIGN(const auto source, open_body(request.spooled));
    Md5 hash;
    std::vector<char> piece(64 * 1024);
    for (;;) {
        DAVENPORT_ASSIGN(const std::size_t count, source->read(piece));
        if (count == 0) break;
        hash.update({piece.data(), count});
    }
    if (to_base64(as_bytes(hash.finish())) == *wanted) return {};
    return fail(refusal("content_md5_mismatch", "Possible message corruption."));
}

Result<http::Response> put(const Endpoint& endpoint, const http::Request& request,
                           std::string_view prefix) {
    DAVENPORT_TRY(require_plain(request));
    DAVENPORT_ASSIGN(const std::string id, document_id(request, prefix));
    const std::string& name = request.capture("name");
    DAVENPORT_TRY(check_attachment_name(name));
    DAVENPORT_ASSIGN(const std::string revision, named_revision(request));
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    DAVENPORT_TRY(check_md5(request));
    DAVENPORT_ASSIGN(const Document document, base_document(*database, id, revision));
    std::string type;
    DAVENPORT_ASSIGN(DocumentWrite write, next_version(document, name, type));
    AttachmentWrite attachment;
    attachment.name = name;
    attachment.content_type =
        safe_content_type(request.headers.get("Content-Type").value_or("application/octet-stream"));
    DAVENPORT_ASSIGN(attachment.source, open_body(request.spooled));
    write.attachments.push_back(std::move(attachment));
    return write_one(*database, write, documents::WriteMode::interactive);
}

Result<http::Response> remove(const Endpoint& endpoint, const http::Request& request,
                              std::string_view prefix) {
    DAVENPORT_ASSIGN(const std::string id, document_id(request, prefix));
    const std::string& name = request.capture("name");
    DAVENPORT_TRY(check_attachment_name(name));
    DAVENPORT_ASSIGN(const std::string revision, named_revision(request));
    DAVENPORT_ASSIGN(const auto database, endpoint.open(request));
    if (revision.empty()) {
        DAVENPORT_TRY(database->get(id));
        return fail(ErrorCode::conflict, "a revision is needed to delete");
    }
    DAVENPORT_ASSIGN(const Document document, base_document(*database, id, revision));
    if (!find(document, name)) return no_attachment();
    std::string type;
    DAVENPORT_ASSIGN(const DocumentWrite write, next_version(document, name, type));
    return write_one(*database, write, documents::WriteMode::interactive, 200);
}

}  // namespace

void add_attachment_routes(RouteTable& routes, const SharedEndpoint& endpoint) {
    for (const std::string_view prefix : {"", "_design/"}) {
        const std::string path = fmt::format("/:db/{}:id/*name", prefix);
        routes.add(
            "GET", path, http::BodyPolicy::none(),
            [endpoint, prefix](http::Request& request) { return get(*endpoint, request, prefix); });
        routes.add(
            "PUT", path, http::BodyPolicy::spool(endpoint->options.max_attachment_bytes),
            [endpoint, prefix](http::Request& request) { return put(*endpoint, request, prefix); });
        routes.add("DELETE", path, http::BodyPolicy::none(),
                   [endpoint, prefix](http::Request& request) {
                       return remove(*endpoint, request, prefix);
                   });
    }
}

}  // namespace davenport::api::couchdb
