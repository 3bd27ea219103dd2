#include "document_array.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "text_scan.hpp"

namespace davenport::backup_doc {
namespace {

// CouchDB keeps these compressed, and its digest is that of the compressed bytes: `data` can't be
// checked with it. (The default of its setting compressible_types.)
bool may_be_packed(std::string_view content_type) {
    for (const std::string_view packed :
         {"text/", "application/javascript", "application/json", "application/xml"})
        if (content_type.starts_with(packed)) return true;
    return false;
}

}  // namespace

DocumentArray::DocumentArray(Scanner& scanner, std::string key, std::uint64_t max_document_bytes)
    : scanner_(scanner),
      input_(scanner.input()),
      key_(std::move(key)),
      max_document_bytes_(max_document_bytes) {}

tl::unexpected<Error> DocumentArray::refused(Error reason) const {
    reason.message = fmt::format("database \"{}\", document {}: {}", key_, count_, reason.message);
    return fail(std::move(reason));
}

Result<const UploadedDocument*> DocumentArray::next() {
    input_.release();
    auto found = to_next_element();
    if (!found) return refused(std::move(found).error());
    if (!*found) return nullptr;
    auto parsed = parse();
    if (!parsed) return refused(std::move(parsed).error());
    document_.parsed = &parsed_;
    document_.index = count_++;
    return &document_;
}

Result<bool> DocumentArray::to_next_element() {
    if (scanner_.take_if(']')) return false;
    if (count_ > 0) {
        if (!scanner_.take_if(',')) return scanner_.unexpected("',' or ']' after a document");
    }
    if (scanner_.peek() == '{') return true;
    // Something else: malformed, or a value that is no document. The first says more.
    const std::uint64_t position = scanner_.position();
    DAVENPORT_TRY(scanner_.skip_value(0));
    return fail(ErrorCode::invalid_argument, "the value at byte {}{} is not an object", position,
                scanner_.text_name());
}

// At a '{'. The text is held until the next call of `next`.
Result<std::string_view> DocumentArray::document_text() {
    document_position_ = input_.position();
    input_.hold(max_document_bytes_);
    const char* end = nullptr;
    while ((end = find_object_end(input_.begin(), input_.end())) == nullptr && input_.more()) {
    }
    if (end == nullptr) {
        // It is never closed, too large or can't be read: the strict scan says which, and where.
        input_.rewind();
        DAVENPORT_TRY(scanner_.skip_value(0));
        return fail(ErrorCode::internal, "no end was found of the object at byte {}{}",
                    document_position_, scanner_.text_name());
    }
    input_.advance_to(end);
    const std::string_view text = input_.held();
    if (text.size() > max_document_bytes_)
        return fail(ErrorCode::too_large, "the document at byte {}{} has {} bytes; the limit is {}",
                    document_position_, scanner_.text_name(), text.size(), max_document_bytes_);
    return text;
}

Result<> DocumentArray::parse() {
    DAVENPORT_ASSIGN(document_.text, document_text());
    auto parsed = parser_.parse(document_.text, documents::UnknownReserved::drop);
    if (!parsed) {
        // The parser counts from the document's beginning. Where the fault is one of syntax, the
        // strict scan gives its position in the upload.
        if (parsed.error().code != ErrorCode::invalid_argument)
            return fail(std::move(parsed).error());
        input_.rewind();
        DAVENPORT_TRY(scanner_.skip_value(0));
        return fail(ErrorCode::invalid_argument, "{} (in the object at byte {}{})",
                    parsed.error().message, document_position_, scanner_.text_name());
    }
    parsed_ = std::move(*parsed);
    if (parsed_.id.empty())
        return fail(ErrorCode::invalid_argument, "the object at byte {}{} has no \"_id\"",
                    document_position_, scanner_.text_name());
    if (auto valid = documents::check_document_id(parsed_.id); !valid)
        return fail(ErrorCode::invalid_argument, "the object at byte {}{} has a bad \"_id\": {}",
                    document_position_, scanner_.text_name(), valid.error().message);
    return {};
}

Result<> DocumentArray::check_attachments() const {
    constexpr std::size_t piece_length = 64 * 1024;  // a multiple of 4: whole base64 groups
    for (const documents::InlineAttachment& attachment : parsed_.attachments) {
        if (attachment.stub) continue;
        Md5 md5;
        std::string_view rest = attachment.data_base64;
        while (!rest.empty()) {
            const std::string_view piece = rest.substr(0, piece_length);
            rest.remove_prefix(piece.size());
            auto bytes = from_base64(piece);
            if (!bytes || (!rest.empty() && piece.ends_with('=')))
                return fail(ErrorCode::invalid_argument,
                            "database \"{}\", document {} (\"{}\"): the data of the attachment "
                            "\"{}\" are no base64",
                            key_, document_.index, parsed_.id, attachment.name);
            md5.update(*bytes);
        }
        if (attachment.digest.starts_with("md5-") && !may_be_packed(attachment.content_type) &&
            attachment.digest != "md5-" + to_base64(as_bytes(md5.finish())))
            return fail(ErrorCode::invalid_argument,
                        "database \"{}\", document {} (\"{}\"): the data of the attachment \"{}\" "
                        "do not have the digest {}",
                        key_, document_.index, parsed_.id, attachment.name, attachment.digest);
    }
    return {};
}

}  // namespace davenport::backup_doc
