#include "document_reader.hpp"

#include <algorithm>

namespace davenport::documents::couchdb {
namespace {

using simdjson::dom::element;
using simdjson::dom::object;

tl::unexpected<Error> wrong(std::string_view what, std::string_view id) {
    return fail(ErrorCode::corrupt, "{} of document \"{}\" is not as CouchDB writes it", what, id);
}

bool take(const element& value, std::string& out) {
    std::string_view text;
    if (value.get_string().get(text)) return false;
    out.assign(text);
    return true;
}

bool take(const element& value, std::vector<std::string>& out) {
    simdjson::dom::array list;
    if (value.get_array().get(list)) return false;
    for (const element entry : list) {
        std::string_view text;
        if (entry.get_string().get(text)) return false;
        out.emplace_back(text);
    }
    return true;
}

// Highest first, as CouchDB picks winners.
bool sort_revisions(std::vector<std::string>& revisions) {
    std::vector<RevisionId> ids;
    for (const std::string& text : revisions) {
        auto id = RevisionId::parse(text);
        if (!id) return false;
        ids.push_back(std::move(*id));
    }
    std::sort(ids.begin(), ids.end(), [](const auto& a, const auto& b) { return a > b; });
    for (std::size_t i = 0; i < ids.size(); ++i) revisions[i] = ids[i].text();
    return true;
}

bool take_history(const element& value, std::vector<std::string>& history) {
    std::uint64_t generation = 0;
    simdjson::dom::array hashes;
    if (!value.is_object() || value["start"].get_uint64().get(generation) ||
        value["ids"].get_array().get(hashes))
        return false;
    for (const element entry : hashes) {
        std::string_view hash;
        if (generation == 0 || entry.get_string().get(hash)) return false;
        history.push_back(fmt::format("{}-{}", generation--, hash));
    }
    return true;
}

bool take_stub(std::string_view name, const element& value, AttachmentStub& stub) {
    object members;
    if (value.get_object().get(members)) return false;
    stub.name = name;
    bool length = false;
    for (const auto field : members) {
        if (field.key == "content_type" && !take(field.value, stub.content_type)) return false;
        if (field.key == "digest" && !take(field.value, stub.digest)) return false;
        if (field.key == "revpos" && field.value.get_uint64().get(stub.revpos)) return false;
        if (field.key == "length") length = !field.value.get_uint64().get(stub.length);
    }
    return length;
}

bool take_stubs(const element& value, std::vector<AttachmentStub>& stubs) {
    object members;
    if (value.get_object().get(members)) return false;
    for (const auto field : members) {
        stubs.emplace_back();
        if (!take_stub(field.key, field.value, stubs.back())) return false;
    }
    std::sort(stubs.begin(), stubs.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    return true;
}

void clear(FoundDocument& found) {
    Document& document = found.document;
    document.id.clear();
    document.revision.clear();
    document.deleted = false;
    document.body.clear();
    document.attachments.clear();
    document.history.clear();
    document.conflicts.clear();
    document.deleted_conflicts.clear();
    found.type.clear();
}

Error unreadable(Error error) {
    error.code = ErrorCode::corrupt;
    error.message = fmt::format("the answer holds what is no JSON: {}", error.message);
    return error;
}

}  // namespace

Result<> DocumentReader::take_reserved(std::string_view key, const element& value,
                                       Document& document) {
    bool good = true;
    if (key == "_id") good = take(value, document.id);
    if (key == "_rev") good = take(value, document.revision);
    if (key == "_deleted") good = !value.get_bool().get(document.deleted);
    if (key == "_attachments") good = take_stubs(value, document.attachments);
    if (key == "_revisions") good = take_history(value, document.history);
    if (key == "_conflicts") {
        good = take(value, document.conflicts) && sort_revisions(document.conflicts);
    }
    if (!good) return wrong(key, document.id);
    return {};
}

Result<> DocumentReader::take_document(const object& members, std::size_t index,
                                       FoundDocument& out) {
    clear(out);
    std::string& body = out.document.body;
    body.push_back('{');
    JsonReader::Walk walk(reader_, index);
    JsonPart part;
    for (const auto field : members) {
        walk.next(part);
        if (!field.key.empty() && field.key.front() == '_') {
            DAVENPORT_TRY(take_reserved(field.key, field.value, out.document));
            continue;
        }
        if (body.size() > 1) body.push_back(',');
        body += part.whole;
        if (field.key == "type") take(field.value, out.type);
    }
    body.push_back('}');
    if (out.document.id.empty() || out.document.revision.empty())
        return wrong("the text", out.document.id);
    return {};
}

Result<FoundDocument> DocumentReader::read_document(std::string_view text) {
    auto root = reader_.read(text);
    if (!root) return fail(unreadable(std::move(root).error()));
    object members;
    if (root->get_object().get(members))
        return fail(ErrorCode::corrupt, "the answer is no document");
    Result<FoundDocument> found{FoundDocument{}};
    DAVENPORT_TRY(take_document(members, 0, *found));
    reader_.shrink();
    return found;
}

Result<std::optional<FoundDocument>> DocumentReader::read_leaf(std::string_view text) {
    auto root = reader_.read(text);
    if (!root) return fail(unreadable(std::move(root).error()));
    object members;
    if (root->get_object().get(members)) return fail(ErrorCode::corrupt, "a leaf is no document");
    JsonReader::Walk walk(reader_, 0);
    JsonPart part;
    for (const auto field : members) {
        walk.next(part);
        object document;
        if (field.key != "ok" || field.value.get_object().get(document)) continue;
        std::optional<FoundDocument> found(std::in_place);
        DAVENPORT_TRY(take_document(document, part.value_index, *found));
        reader_.shrink();
        return found;
    }
    return std::optional<FoundDocument>();
}

Result<> DocumentReader::take_revision(const object& members, std::size_t index,
                                       FoundRevisions& out) {
    JsonReader::Walk walk(reader_, index);
    JsonPart part;
    for (const auto field : members) {
        walk.next(part);
        object value;
        if (field.value.get_object().get(value)) continue;
        if (field.key == "ok")
            DAVENPORT_TRY(take_document(value, part.value_index, out.documents.emplace_back()));
        if (field.key == "error") {
            std::string error = "error", reason;
            for (const auto fact : value) {
                if (fact.key == "error") take(fact.value, error);
                if (fact.key == "reason") take(fact.value, reason);
            }
            out.error = fmt::format("{}: {}", error, reason);
        }
    }
    return {};
}

Result<FoundRevisions> DocumentReader::read_revisions(std::string_view text) {
    auto root = reader_.read(text);
    if (!root) return fail(unreadable(std::move(root).error()));
    object members;
    if (root->get_object().get(members)) return fail(ErrorCode::corrupt, "a row is no object");
    Result<FoundRevisions> result{FoundRevisions{}};
    FoundRevisions& found = *result;
    bool listed = false;
    JsonReader::Walk walk(reader_, 0);
    JsonPart part;
    for (const auto field : members) {
        walk.next(part);
        if (field.key == "id" && !take(field.value, found.id)) return wrong("a row", found.id);
        simdjson::dom::array documents;
        if (field.key != "docs" || field.value.get_array().get(documents)) continue;
        listed = true;
        JsonReader::Walk elements(reader_, part.value_index);
        JsonPart element_part;
        for (const element entry : documents) {
            elements.next(element_part);
            object revision;
            if (entry.get_object().get(revision)) return wrong("a revision", found.id);
            DAVENPORT_TRY(take_revision(revision, element_part.value_index, found));
        }
    }
    if (found.id.empty() || !listed) return wrong("a row", found.id);
    reader_.shrink();
    return result;
}

Result<> DocumentReader::read_row(std::string_view text, Row& row) {
    row.id.clear();
    row.sequence.clear();
    row.revision.clear();
    row.leaves.clear();
    row.error.clear();
    row.deleted = row.has_document = false;
    auto root = reader_.read(text);
    if (!root) return fail(unreadable(std::move(root).error()));
    object members;
    if (root->get_object().get(members)) return fail(ErrorCode::corrupt, "a row is no object");

    std::string key, reason;
    JsonReader::Walk walk(reader_, 0);
    JsonPart part;
    for (const auto field : members) {
        walk.next(part);
        bool good = true;
        if (field.key == "id") good = take(field.value, row.id);
        if (field.key == "key") good = take(field.value, key);
        if (field.key == "seq") row.sequence = sequence_text(part.value);
        if (field.key == "error") good = take(field.value, row.error);
        if (field.key == "reason") take(field.value, reason);
        if (field.key == "deleted") good = !field.value.get_bool().get(row.deleted);
        if (field.key == "value" && field.value.is_object()) {
            element revision;
            good = !field.value["rev"].get(revision) && take(revision, row.revision);
            bool deleted = false;
            if (!field.value["deleted"].get_bool().get(deleted)) row.deleted = deleted;
        }
        if (field.key == "changes") {
            simdjson::dom::array list;
            good = !field.value.get_array().get(list);
            if (good)
                for (const element entry : list) {
                    std::string_view revision;
                    good = good && entry.is_object() && !entry["rev"].get_string().get(revision);
                    row.leaves.emplace_back(revision);
                }
        }
        if (field.key == "doc") {
            object document;
            if (!field.value.get_object().get(document)) {
                DAVENPORT_TRY(take_document(document, part.value_index, row.found));
                row.has_document = true;
            }
        }
        if (!good) return wrong("a row", row.id.empty() ? key : row.id);
    }
    // An unfinished request ends with such a row, too: it names no document then.
    if (row.id.empty()) row.id = key;
    if (!row.error.empty() && !reason.empty()) row.error += ": " + reason;
    if (row.id.empty() && row.error.empty()) return wrong("a row", row.id);
    if (row.revision.empty() && !row.leaves.empty()) row.revision = row.leaves.front();
    return {};
}

std::string sequence_text(std::string_view raw) {
    if (raw.size() >= 2 && raw.front() == '"') return std::string(raw.substr(1, raw.size() - 2));
    return std::string(raw);
}

}  // namespace davenport::documents::couchdb
