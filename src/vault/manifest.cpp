#include "davenport/vault/manifest.hpp"

#include "davenport/base/sealed_text.hpp"
#include "davenport/blobs/blob_store.hpp"
#include "segment_reference.hpp"

#include <algorithm>
#include <set>

namespace davenport::vault {
namespace {

constexpr std::string_view format = "davenport-backup";

void put(json::object& object, std::string_view key, std::string_view text) {
    object[boost::json::string_view(key.data(), key.size())] =
        json::string(text.data(), text.size());
}

json::object database_to_json(const DatabaseManifest& database) {
    json::object object;
    put(object, "name", database.name);
    put(object, "identity", database.identity);
    put(object, "first_sequence", database.first_sequence);
    put(object, "last_sequence", database.last_sequence);
    object["documents"] = database.documents;
    object["started_ms"] = database.started_ms;
    object["finished_ms"] = database.finished_ms;
    put(object, "security", database.security);
    if (!database.sealed_security.empty()) put(object, "sealed_security", database.sealed_security);
    object["skipped_types"] = to_json(database.skipped_types);
    object["included"] = to_json(database.included);
    json::array segments;
    for (const SegmentReference& segment : database.segments) segments.push_back(to_json(segment));
    object["segments"] = std::move(segments);
    return object;
}

Result<DatabaseManifest> database_from_json(const json::value& value) {
    const json::object* object = value.if_object();
    if (!object) return fail(ErrorCode::corrupt, "'databases' holds something that is no object");
    DatabaseManifest database;
    DAVENPORT_ASSIGN(database.name, need_text(*object, "name"));
    if (database.name.empty()) return fail(ErrorCode::corrupt, "a database has no name");
    DAVENPORT_ASSIGN(database.identity, need_text(*object, "identity"));
    DAVENPORT_ASSIGN(database.first_sequence, need_text(*object, "first_sequence"));
    DAVENPORT_ASSIGN(database.last_sequence, need_text(*object, "last_sequence"));
    DAVENPORT_ASSIGN(database.documents, need_count(*object, "documents"));
    DAVENPORT_ASSIGN(database.started_ms, need_integer(*object, "started_ms"));
    DAVENPORT_ASSIGN(database.finished_ms, need_integer(*object, "finished_ms"));
    DAVENPORT_ASSIGN(database.security, need_text(*object, "security"));
    if (object->contains("sealed_security")) {
        DAVENPORT_ASSIGN(database.sealed_security, need_text(*object, "sealed_security"));
    }
    DAVENPORT_ASSIGN(database.skipped_types, need_texts(*object, "skipped_types"));
    DAVENPORT_ASSIGN(database.included, need_texts(*object, "included"));
    DAVENPORT_ASSIGN(const json::array* segments, need_array(*object, "segments"));
    std::set<std::string> seen;
    for (const json::value& segment : *segments) {
        DAVENPORT_ASSIGN(auto reference, segment_from_json(segment));
        if (!seen.insert(reference.name).second)
            return fail(ErrorCode::corrupt, "the database '{}' lists {} twice", database.name,
                        reference.name);
        database.segments.push_back(std::move(reference));
    }
    return database;
}

}  // namespace

bool DatabaseManifest::includes(std::string_view kind) const {
    return std::find(included.begin(), included.end(), kind) != included.end();
}

json::array to_json(const std::vector<std::string>& texts) {
    json::array array;
    for (const std::string& text : texts)
        array.emplace_back(json::string(text.data(), text.size()));
    return array;
}

Result<std::vector<std::string>> need_texts(const json::object& object, std::string_view key) {
    DAVENPORT_ASSIGN(const json::array* array, need_array(object, key));
    std::vector<std::string> texts;
    for (const json::value& value : *array) {
        const json::string* text = value.if_string();
        if (!text) return fail(ErrorCode::corrupt, "'{}' holds something that is no text", key);
        texts.emplace_back(text->data(), text->size());
    }
    return texts;
}

json::object to_json(const SegmentReference& segment) {
    json::object object;
    put(object, "name", segment.name);
    put(object, "root", segment.root);
    object["records"] = segment.records;
    object["tombstones"] = segment.tombstones;
    object["stored_bytes"] = segment.stored_bytes;
    object["raw_bytes"] = segment.raw_bytes;
    return object;
}

Result<SegmentReference> segment_from_json(const json::value& value) {
    const json::object* object = value.if_object();
    if (!object) return fail(ErrorCode::corrupt, "a segment is described by something else");
    SegmentReference segment;
    DAVENPORT_ASSIGN(segment.name, need_text(*object, "name"));
    DAVENPORT_ASSIGN(segment.root, need_sha256(*object, "root"));
    if (segment.root.empty() || segment.name != "segments/" + segment.root)
        return fail(ErrorCode::corrupt, "a segment's name does not follow from its root");
    DAVENPORT_ASSIGN(segment.records, need_count(*object, "records"));
    DAVENPORT_ASSIGN(segment.tombstones, need_count(*object, "tombstones"));
    DAVENPORT_ASSIGN(segment.stored_bytes, need_count(*object, "stored_bytes"));
    DAVENPORT_ASSIGN(segment.raw_bytes, need_count(*object, "raw_bytes"));
    if (segment.records == 0 || segment.tombstones > segment.records)
        return fail(ErrorCode::corrupt, "the counts of {} make no sense", segment.name);
    return segment;
}

std::string encode(const Manifest& manifest, const SigningKey* key) {
    json::object object = sealed_object(format);
    put(object, "id", manifest.id);
    object["started_ms"] = manifest.started_ms;
    object["finished_ms"] = manifest.finished_ms;
    if (manifest.locked_until_ms != 0) object["locked_until_ms"] = manifest.locked_until_ms;
    put(object, "product_version", manifest.product_version);
    put(object, "previous_id", manifest.previous_id);
    put(object, "previous_sha256", manifest.previous_sha256);
    if (!manifest.passed_over.empty()) object["passed_over"] = to_json(manifest.passed_over);
    json::array databases;
    for (const DatabaseManifest& database : manifest.databases)
        databases.push_back(database_to_json(database));
    object["databases"] = std::move(databases);
    return key ? seal(object, *key) : seal(object);
}

Result<Manifest> decode_manifest(std::string_view text) {
    DAVENPORT_ASSIGN(const json::object object, unseal(text, format));
    Manifest manifest;
    DAVENPORT_ASSIGN(manifest.id, need_text(object, "id"));
    if (manifest.id.find('/') != std::string::npos ||
        !blobs::check_name("manifests/" + manifest.id))
        return fail(ErrorCode::corrupt, "a backup's id may hold letters, digits and .-_ only");
    DAVENPORT_ASSIGN(manifest.started_ms, need_integer(object, "started_ms"));
    DAVENPORT_ASSIGN(manifest.finished_ms, need_integer(object, "finished_ms"));
    if (object.contains("locked_until_ms")) {
        DAVENPORT_ASSIGN(manifest.locked_until_ms, need_integer(object, "locked_until_ms"));
    }
    DAVENPORT_ASSIGN(manifest.product_version, need_text(object, "product_version"));
    DAVENPORT_ASSIGN(manifest.previous_id, need_text(object, "previous_id"));
    DAVENPORT_ASSIGN(manifest.previous_sha256, need_sha256(object, "previous_sha256"));
    if (manifest.previous_id.empty() != manifest.previous_sha256.empty())
        return fail(ErrorCode::corrupt, "half of the link to the backup before it is missing");
    if (object.contains("passed_over")) {
        DAVENPORT_ASSIGN(manifest.passed_over, need_texts(object, "passed_over"));
    }
    DAVENPORT_ASSIGN(const json::array* databases, need_array(object, "databases"));
    std::set<std::string> seen;
    for (const json::value& value : *databases) {
        DAVENPORT_ASSIGN(auto database, database_from_json(value));
        if (!seen.insert(database.name).second)
            return fail(ErrorCode::corrupt, "the database '{}' stands there twice", database.name);
        manifest.databases.push_back(std::move(database));
    }
    return manifest;
}

}  // namespace davenport::vault
