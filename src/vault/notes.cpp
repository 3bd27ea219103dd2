#include "notes.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/base/sealed_text.hpp"
#include "davenport/vault/segment.hpp"
#include "segment_reference.hpp"

#include <algorithm>

namespace davenport::vault {
namespace {

constexpr std::string_view removed_format = "davenport-removed-backup";
constexpr std::string_view compaction_format = "davenport-compaction";
constexpr std::uint64_t max_note_bytes = 16 * 1024 * 1024;

json::string text_of(const std::string& text) {
    return json::string(text.data(), text.size());
}

// Where `inputs` stand side by side; nullopt = nowhere.
std::optional<std::size_t> find_run(const std::vector<SegmentReference>& segments,
                                    const CompactionNote& note) {
    const auto found =
        std::search(segments.begin(), segments.end(), note.inputs.begin(), note.inputs.end(),
                    [](const SegmentReference& segment, const std::string& name) {
                        return segment.name == name;
                    });
    if (found == segments.end() || (note.oldest && found != segments.begin())) return std::nullopt;
    return static_cast<std::size_t>(found - segments.begin());
}

}  // namespace

std::string encode(const RemovedNote& note, const SigningKey* key) {
    json::object object = sealed_object(removed_format);
    object["id"] = text_of(note.id);
    object["sha256"] = text_of(note.sha256);
    object["found_sha256"] = text_of(note.found_sha256);
    object["previous_id"] = text_of(note.previous_id);
    object["previous_sha256"] = text_of(note.previous_sha256);
    if (!note.passed_over.empty()) object["passed_over"] = to_json(note.passed_over);
    if (note.guessed) object["guessed"] = true;
    object["started_ms"] = note.started_ms;
    object["removed_ms"] = note.removed_ms;
    object["reason"] = text_of(note.reason);
    if (!note.rule.empty()) object["rule"] = text_of(note.rule);
    if (!note.by.empty()) object["by"] = text_of(note.by);
    return key ? seal(object, *key) : seal(object);
}

Result<RemovedNote> decode_removed_note(std::string_view text) {
    DAVENPORT_ASSIGN(const json::object object, unseal(text, removed_format));
    RemovedNote note;
    DAVENPORT_ASSIGN(note.id, need_text(object, "id"));
    DAVENPORT_ASSIGN(note.sha256, need_sha256(object, "sha256"));
    DAVENPORT_ASSIGN(note.found_sha256, need_sha256(object, "found_sha256"));
    DAVENPORT_ASSIGN(note.previous_id, need_text(object, "previous_id"));
    DAVENPORT_ASSIGN(note.previous_sha256, need_sha256(object, "previous_sha256"));
    if (object.contains("passed_over")) {
        DAVENPORT_ASSIGN(note.passed_over, need_texts(object, "passed_over"));
    }
    note.guessed = boolean_member(object, "guessed").value_or(false);
    DAVENPORT_ASSIGN(note.started_ms, need_integer(object, "started_ms"));
    DAVENPORT_ASSIGN(note.removed_ms, need_integer(object, "removed_ms"));
    DAVENPORT_ASSIGN(note.reason, need_text(object, "reason"));
    note.rule = text_or(object, "rule");
    note.by = text_or(object, "by");
    return note;
}

std::string CompactionNote::name() const {
    std::string text = oldest ? "oldest" : "anywhere";
    for (const std::string& input : inputs) text += '\n' + input;
    return "compactions/" + to_hex(as_bytes(sha256(text)));
}

std::string encode(const CompactionNote& note, const SigningKey* key) {
    json::object object = sealed_object(compaction_format);
    json::array inputs;
    for (const std::string& input : note.inputs) inputs.emplace_back(text_of(input));
    object["inputs"] = std::move(inputs);
    object["oldest"] = note.oldest;
    object["output"] = note.output ? json::value(to_json(*note.output)) : json::value(nullptr);
    return key ? seal(object, *key) : seal(object);
}

Result<CompactionNote> decode_compaction_note(std::string_view text) {
    DAVENPORT_ASSIGN(const json::object object, unseal(text, compaction_format));
    CompactionNote note;
    DAVENPORT_ASSIGN(const json::array* inputs, need_array(object, "inputs"));
    for (const json::value& value : *inputs) {
        const json::string* input = value.if_string();
        if (!input) return fail(ErrorCode::corrupt, "an input of a compaction is no text");
        note.inputs.emplace_back(input->data(), input->size());
    }
    const auto oldest = boolean_member(object, "oldest");
    const json::value* output = object.if_contains("output");
    if (note.inputs.empty() || !oldest || !output)
        return fail(ErrorCode::corrupt, "a compaction note lacks a part");
    note.oldest = *oldest;
    if (!output->is_null()) {
        DAVENPORT_ASSIGN(note.output, segment_from_json(*output));
    }
    return note;
}

Result<Compactions> Compactions::load(const blobs::BlobStore& store, const VerifyingKey* trusted) {
    Compactions compactions;
    DAVENPORT_ASSIGN(const auto blobs, store.list("compactions/"));
    for (const blobs::BlobInfo& blob : blobs) {
        auto text = blobs::read_all(store, blob.name, max_note_bytes);
        if (!text && text.error().code == ErrorCode::not_found) continue;
        if (!text) return fail(std::move(text).error());
        // A note that can't be read costs time, not data: the inputs are all there.
        auto note = decode_compaction_note(*text);
        if (!note || note->name() != blob.name) continue;
        if (trusted && !check_signature(*text, *trusted)) continue;
        if (note->output) {
            auto opened = SegmentReader::open(store, *note->output);
            if (!opened && opened.error().code != ErrorCode::not_found &&
                opened.error().code != ErrorCode::corrupt)
                return fail(std::move(opened).error());
            if (!opened) continue;
        }
        compactions.notes_.push_back(std::move(*note));
    }
    return compactions;
}

Compactions::Applied Compactions::apply(std::vector<SegmentReference> segments) const {
    Applied applied;
    // A compaction's output may be another one's input. Each note can serve once only, so this
    // ends.
    bool changed = true;
    while (changed) {
        changed = false;
        for (const CompactionNote& note : notes_) {
            if (applied.notes.contains(note.name())) continue;
            const auto start = find_run(segments, note);
            if (!start) continue;
            const auto from = segments.begin() + static_cast<std::ptrdiff_t>(*start);
            const auto at =
                segments.erase(from, from + static_cast<std::ptrdiff_t>(note.inputs.size()));
            if (note.output) segments.insert(at, *note.output);
            applied.notes.insert(note.name());
            changed = true;
        }
    }
    applied.segments = std::move(segments);
    return applied;
}

}  // namespace davenport::vault
