#include "davenport/documents/document_text.hpp"
#include "json_reader.hpp"

#include <algorithm>

namespace davenport::documents {
namespace {

// What CouchDB adds to a document on request; clients send it back, and it means nothing then.
constexpr std::string_view ignored_members[] = {"_conflicts", "_deleted_conflicts", "_local_seq",
                                                "_revs_info"};
constexpr std::size_t few_keys = 24;

struct Key {
    std::string_view name;  // unescaped
    std::size_t position;
};

}  // namespace

struct DocumentParser::Impl {
    JsonReader reader;
    std::vector<Key> keys;
    std::string_view text;
    UnknownReserved unknown = UnknownReserved::refuse;

    std::size_t position(std::string_view part) const {
        return static_cast<std::size_t>(part.data() - text.data());
    }
    tl::unexpected<Error> refuse(const JsonPart& part, std::string_view why,
                                 std::string_view detail = {}) const {
        return fail(Error{ErrorCode::invalid_argument,
                          fmt::format("{} at byte {}: {}",
                                      part.key.empty() ? std::string_view("element") : part.key,
                                      position(part.whole), why),
                          std::string(detail)});
    }

    Result<> check_no_key_twice();
    Result<> read_reserved(std::string_view key, const JsonPart& part,
                           const simdjson::dom::element& value, ParsedDocument& document);
    Result<> read_attachments(const JsonPart& part, const simdjson::dom::element& value,
                              ParsedDocument& document);
    Result<InlineAttachment> read_attachment(std::string_view name, const JsonPart& part,
                                             const simdjson::dom::element& value);
    Result<> read_revisions(const JsonPart& part, const simdjson::dom::element& value,
                            ParsedDocument& document);
};

namespace {

bool get(const simdjson::dom::element& value, std::string& out) {
    std::string_view text;
    if (value.get_string().get(text)) return false;
    out.assign(text);
    return true;
}

bool get(const simdjson::dom::element& value, std::uint64_t& out) {
    return value.get_uint64().get(out) == simdjson::SUCCESS;
}

}  // namespace

Result<> DocumentParser::Impl::check_no_key_twice() {
    const auto twice = [](const Key& key) {
        return fail(ErrorCode::invalid_argument, "the member \"{}\" at byte {} stands twice",
                    key.name, key.position);
    };
    if (keys.size() <= few_keys) {
        for (std::size_t i = 1; i < keys.size(); ++i)
            for (std::size_t k = 0; k < i; ++k)
                if (keys[i].name == keys[k].name) return twice(keys[i]);
        return {};
    }
    std::sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
        return std::tie(a.name, a.position) < std::tie(b.name, b.position);
    });
    for (std::size_t i = 1; i < keys.size(); ++i)
        if (keys[i].name == keys[i - 1].name) return twice(keys[i]);
    return {};
}

Result<> DocumentParser::Impl::read_reserved(std::string_view key, const JsonPart& part,
                                             const simdjson::dom::element& value,
                                             ParsedDocument& document) {
    if (key == "_id") {
        if (!get(value, document.id)) return refuse(part, "must be a string", "illegal_docid");
        if (document.id.empty()) return refuse(part, "must not be empty", "illegal_docid");
        return {};
    }
    if (key == "_rev") {
        if (!get(value, document.revision) || !RevisionId::parse(document.revision))
            return refuse(part, "must be a revision id");
        return {};
    }
    if (key == "_deleted") {
        if (value.get_bool().get(document.deleted)) return refuse(part, "must be true or false");
        return {};
    }
    if (key == "_attachments") return read_attachments(part, value, document);
    if (key == "_revisions") return read_revisions(part, value, document);
    if (unknown == UnknownReserved::drop ||
        std::find(std::begin(ignored_members), std::end(ignored_members), key) !=
            std::end(ignored_members))
        return {};
    return refuse(part, "members that begin with an underscore are reserved", "doc_validation");
}

Result<> DocumentParser::Impl::read_attachments(const JsonPart& part,
                                                const simdjson::dom::element& value,
                                                ParsedDocument& document) {
    simdjson::dom::object object;
    if (value.get_object().get(object)) return refuse(part, "must be an object");
    document.has_attachments_member = true;
    JsonReader::Walk walk(reader, part.value_index);
    JsonPart member;
    for (const auto field : object) {
        walk.next(member);
        const bool twice =
            std::any_of(document.attachments.begin(), document.attachments.end(),
                        [&](const InlineAttachment& other) { return other.name == field.key; });
        if (twice) return refuse(member, "the attachment stands twice");
        DAVENPORT_ASSIGN(InlineAttachment attachment,
                         read_attachment(field.key, member, field.value));
        document.attachments.push_back(std::move(attachment));
    }
    return {};
}

Result<InlineAttachment> DocumentParser::Impl::read_attachment(
    std::string_view name, const JsonPart& part, const simdjson::dom::element& value) {
    simdjson::dom::object object;
    if (value.get_object().get(object)) return refuse(part, "must be an object");
    InlineAttachment attachment;
    attachment.name.assign(name);
    attachment.content_type = "application/octet-stream";
    bool has_data = false;
    JsonReader::Walk walk(reader, part.value_index);
    JsonPart member;
    for (const auto field : object) {
        walk.next(member);
        if (field.key == "data") {
            if (has_data) return refuse(member, "stands twice");
            if (!field.value.is_string() || member.value.find('\\') != std::string_view::npos)
                return refuse(member, "must be base64 text without escapes");
            has_data = true;
            attachment.data_base64 = member.value.substr(1, member.value.size() - 2);
        } else if (field.key == "stub") {
            if (field.value.get_bool().get(attachment.stub))
                return refuse(member, "must be true or false");
        } else if (field.key == "content_type") {
            if (!get(field.value, attachment.content_type))
                return refuse(member, "must be a string");
        } else if (field.key == "digest") {
            if (!get(field.value, attachment.digest)) return refuse(member, "must be a string");
        } else if (field.key == "revpos") {
            if (!get(field.value, attachment.revpos)) return refuse(member, "must be a number");
        } else if (field.key == "follows") {
            return refuse(member, "attachments that follow the text are not supported");
        }
    }
    if (has_data == attachment.stub) return refuse(part, "must have either data or stub: true");
    return attachment;
}

Result<> DocumentParser::Impl::read_revisions(const JsonPart& part,
                                              const simdjson::dom::element& value,
                                              ParsedDocument& document) {
    std::uint64_t start = 0;
    simdjson::dom::array ids;
    if (!value.is_object() || value["start"].get_uint64().get(start) ||
        value["ids"].get_array().get(ids))
        return refuse(part, "must have a number `start` and an array `ids`");
    for (const simdjson::dom::element id : ids) {
        std::string_view hash;
        if (start == 0 || id.get_string().get(hash))
            return refuse(part, "must list revision hashes, newest first, down to 1 at most");
        std::string revision = fmt::format("{}-{}", start--, hash);
        if (!RevisionId::parse(revision)) return refuse(part, "holds what is no revision hash");
        document.history.push_back(std::move(revision));
    }
    return {};
}

DocumentParser::DocumentParser() : impl_(std::make_unique<Impl>()) {}
DocumentParser::~DocumentParser() = default;

Result<ParsedDocument> DocumentParser::parse(std::string_view text, UnknownReserved unknown) {
    impl_->text = text;
    impl_->unknown = unknown;
    DAVENPORT_ASSIGN(const simdjson::dom::element root, impl_->reader.read(text));
    simdjson::dom::object object;
    if (root.get_object().get(object))
        return fail(ErrorCode::invalid_argument, "the document must be a JSON object, at byte 0");

    Result<ParsedDocument> result{ParsedDocument{}};
    ParsedDocument& document = *result;
    document.body.reserve(text.size() + 1);
    document.body.push_back('{');
    impl_->keys.clear();
    JsonReader::Walk walk(impl_->reader, 0);
    JsonPart part;
    for (const auto field : object) {
        walk.next(part);
        impl_->keys.push_back({field.key, impl_->position(part.whole)});
        if (!field.key.empty() && field.key.front() == '_') {
            DAVENPORT_TRY(impl_->read_reserved(field.key, part, field.value, document));
            continue;
        }
        if (document.body.size() > 1) document.body.push_back(',');
        document.body.append(part.whole);
        if (field.key == "type") get(field.value, document.type);
    }
    document.body.push_back('}');
    DAVENPORT_TRY(impl_->check_no_key_twice());
    impl_->reader.shrink();
    return result;
}

Result<DocumentParser::Envelope> DocumentParser::split_envelope(std::string_view text,
                                                                std::string_view array_member) {
    impl_->text = text;
    DAVENPORT_ASSIGN(const simdjson::dom::element root, impl_->reader.read(text));
    simdjson::dom::object object;
    if (root.get_object().get(object))
        return fail(ErrorCode::invalid_argument, "the text must be a JSON object, at byte 0");

    Envelope envelope;
    bool found = false;
    impl_->keys.clear();
    JsonReader::Walk walk(impl_->reader, 0);
    JsonPart part;
    for (const auto field : object) {
        walk.next(part);
        impl_->keys.push_back({field.key, impl_->position(part.whole)});
        if (field.key != array_member) {
            envelope.others.push_back({std::string(field.key), part.value});
            continue;
        }
        if (!field.value.is_array()) return impl_->refuse(part, "must be an array");
        found = true;
        JsonReader::Walk elements(impl_->reader, part.value_index);
        JsonPart element;
        while (elements.next(element)) {
            if (element.value.front() != '{') return impl_->refuse(element, "must be an object");
            envelope.docs.push_back(element.value);
        }
    }
    DAVENPORT_TRY(impl_->check_no_key_twice());
    impl_->reader.shrink();
    if (!found)
        return fail(ErrorCode::invalid_argument, "the member \"{}\" is missing", array_member);
    return envelope;
}

}  // namespace davenport::documents
