#include "envelope.hpp"

#include "davenport/base/json.hpp"
#include "document_array.hpp"
#include "scanner.hpp"

#include <set>
#include <utility>

namespace davenport::backup_doc {
namespace {

// Levels of nesting: 1 the backup doc, 2 "dbs", 3 a database.
constexpr std::uint32_t top_level = 1;
constexpr std::uint32_t database_level = 3;

class EnvelopeReader {
  public:
    EnvelopeReader(std::string path, const ReaderLimits& limits, Input& input)
        : path_(std::move(path)),
          limits_(limits),
          scanner_(input, limits.max_depth, ""),
          memory_left_(limits.max_envelope_bytes),
          inflated_left_(limits.max_inflated_bytes) {}

    Result<Envelope> read();

  private:
    using MemberReader = std::function<Result<>(const std::string& key)>;
    Result<> object(std::string_view what, const MemberReader& member);
    Result<> top_level_member(const std::string& key);
    Result<> database(const std::string& key);
    Result<> docs(Stored& stored);
    Result<> compressed_docs(Stored& stored);
    Result<> security(Stored& stored);
    Result<> failure();

    Result<std::string> kept_string();
    Result<> keep(std::uint64_t bytes);
    // The refusal of a value of the wrong type, unless the value is malformed: that says more.
    Result<> refuse(std::uint32_t level, const std::string& message);

    const std::string path_;
    const ReaderLimits limits_;
    Scanner scanner_;
    std::uint64_t memory_left_;    // for what stays in memory
    std::uint64_t inflated_left_;  // over all databases
    bool has_dbs_ = false;
    Envelope envelope_;
};

Result<> EnvelopeReader::keep(std::uint64_t bytes) {
    if (bytes > memory_left_)
        return fail(
            ErrorCode::too_large,
            "the keys and texts outside the documents are larger than the limit of {} bytes "
            "(at byte {})",
            limits_.max_envelope_bytes, scanner_.position());
    memory_left_ -= bytes;
    return {};
}

Result<std::string> EnvelopeReader::kept_string() {
    DAVENPORT_ASSIGN(std::string text, scanner_.string(memory_left_));
    constexpr std::uint64_t bookkeeping = 96;  // of a string in a set, about
    DAVENPORT_TRY(keep(text.size() + bookkeeping));
    return text;
}

Result<> EnvelopeReader::refuse(std::uint32_t level, const std::string& message) {
    (void)scanner_.peek();
    const std::uint64_t position = scanner_.position();
    DAVENPORT_TRY(scanner_.skip_value(level));
    return fail(ErrorCode::invalid_argument, "{} (at byte {})", message, position);
}

// `member` reads the value that follows each key.
Result<> EnvelopeReader::object(std::string_view what, const MemberReader& member) {
    DAVENPORT_TRY(scanner_.expect('{', fmt::format("at the beginning of {}", what)));
    if (scanner_.take_if('}')) return {};
    std::set<std::string> keys;
    do {
        if (scanner_.peek() != '"') return scanner_.unexpected("a key");
        const std::uint64_t position = scanner_.position();
        DAVENPORT_ASSIGN(std::string key, kept_string());
        const auto [at, is_new] = keys.insert(std::move(key));
        if (!is_new)
            return fail(ErrorCode::invalid_argument,
                        "the key \"{}\" stands twice in {} (at byte {})", *at, what, position);
        DAVENPORT_TRY(scanner_.expect(':', "after the key"));
        DAVENPORT_TRY(member(*at));
    } while (scanner_.take_if(','));
    return scanner_.expect('}', fmt::format("or ',' in {}", what));
}

Result<Envelope> EnvelopeReader::read() {
    Input& input = scanner_.input();
    if (input.available(3) && std::string_view(input.begin(), 3) == "\xEF\xBB\xBF")
        return fail(ErrorCode::invalid_argument,
                    "the upload begins with a byte order mark (at byte 0); a backup doc is JSON in "
                    "UTF-8 without one");
    const int first = scanner_.peek();
    if (first == Scanner::end_of_text) return scanner_.malformed("the upload is empty");
    if (first != '{') {
        DAVENPORT_TRY(refuse(0, "a backup doc must be a JSON object"));
    }
    DAVENPORT_TRY(
        object("the backup doc", [this](const std::string& key) { return top_level_member(key); }));
    DAVENPORT_TRY(scanner_.expect_end());
    if (!has_dbs_)
        return fail(ErrorCode::invalid_argument,
                    "no \"dbs\" in the backup data: nothing to restore");
    return std::move(envelope_);
}

Result<> EnvelopeReader::top_level_member(const std::string& key) {
    const int first = scanner_.peek();
    if (key == "dbs") {
        if (first != '{') return refuse(top_level, "\"dbs\" must be an object");
        has_dbs_ = true;
        return object("\"dbs\"", [this](const std::string& name) { return database(name); });
    }
    if (key == "client_webhook_url") {
        if (first == 'n') return scanner_.null();
        if (first != '"') return refuse(top_level, "\"client_webhook_url\" must be a string");
        DAVENPORT_ASSIGN(envelope_.client_webhook_url, kept_string());
        return {};
    }
    if (key == "in_progress") {
        if (first != 't' && first != 'f')
            return refuse(top_level, "\"in_progress\" must be a boolean");
        DAVENPORT_ASSIGN(envelope_.in_progress, scanner_.boolean());
        return {};
    }
    if (key == "error") return failure();
    if ((key == "id" || (key == "_id" && envelope_.id.empty())) && first == '"') {
        DAVENPORT_ASSIGN(envelope_.id, kept_string());
        return {};
    }
    return scanner_.skip_value(top_level);
}

// Whatever an "error" says, unless it says nothing, the backup failed.
Result<> EnvelopeReader::failure() {
    const int first = scanner_.peek();
    if (first == 'n') return scanner_.null();
    if (first == '"') {
        DAVENPORT_ASSIGN(envelope_.error, kept_string());
        return {};
    }
    DAVENPORT_ASSIGN(envelope_.error, scanner_.raw_value(top_level, memory_left_));
    return keep(envelope_.error.size());
}

Result<> EnvelopeReader::database(const std::string& key) {
    if (scanner_.peek() != '{')
        return refuse(database_level - 1, fmt::format("\"{}\" in \"dbs\" must be an object", key));
    Stored stored;
    stored.entry.key = key;
    DAVENPORT_TRY(
        object(fmt::format("database \"{}\"", key), [&](const std::string& member) -> Result<> {
            if (member == "docs") return docs(stored);
            if (member == "compressed_docs") return compressed_docs(stored);
            if (member == "security") return security(stored);
            return scanner_.skip_value(database_level);
        }));
    envelope_.databases.push_back(std::move(stored));
    return {};
}

// A database has `docs` or `compressed_docs`. Both are accepted where `docs` is empty.
tl::unexpected<Error> both_given(const std::string& key) {
    return fail(ErrorCode::invalid_argument,
                "database \"{}\" has both \"docs\" with documents and \"compressed_docs\"", key);
}

Result<> EnvelopeReader::docs(Stored& stored) {
    const std::string& key = stored.entry.key;
    if (scanner_.peek() != '[')
        return refuse(database_level,
                      fmt::format("\"docs\" of database \"{}\" must be an array", key));
    scanner_.take();
    const std::uint64_t array = scanner_.position();
    DocumentArray documents(scanner_, key, limits_.max_document_bytes);
    for (;;) {
        DAVENPORT_ASSIGN(const UploadedDocument* document, documents.next());
        if (document == nullptr) break;
        DAVENPORT_TRY(documents.check_attachments());
    }
    if (documents.count() == 0) return {};
    if (stored.inflated) return both_given(key);
    stored.array = array;
    stored.entry.documents = documents.count();
    return {};
}

Result<> EnvelopeReader::compressed_docs(Stored& stored) {
    const std::string& key = stored.entry.key;
    if (stored.array) return both_given(key);
    if (scanner_.peek() != '"')
        return refuse(database_level,
                      fmt::format("\"compressed_docs\" of database \"{}\" must be a string", key));
    const auto refused = [&](Error reason) {
        reason.message =
            fmt::format("\"compressed_docs\" of database \"{}\": {}", key, reason.message);
        return fail(std::move(reason));
    };
    DAVENPORT_ASSIGN(stored.inflated, SpoolFile::create(fmt::format("{}.{}.inflated", path_,
                                                                    envelope_.databases.size())));
    DAVENPORT_ASSIGN(const auto inflater, Inflater::create(*stored.inflated, inflated_left_));
    DAVENPORT_TRY(scanner_.string_pieces([&](std::string_view piece) -> Result<> {
        auto appended = inflater->append_base64(piece);
        if (!appended) return refused(std::move(appended).error());
        return {};
    }));
    auto inflated_bytes = inflater->finish();
    if (!inflated_bytes) return refused(std::move(inflated_bytes).error());
    inflated_left_ -= *inflated_bytes;

    DAVENPORT_ASSIGN(const auto input,
                     Input::open(stored.inflated->path(), 0, limits_.buffer_bytes));
    Scanner inflated(*input, limits_.max_depth, inflated_text_name);
    if (!inflated.take_if('[')) {
        auto error = inflated.unexpected("an array of documents");
        return refused(std::move(error).value());
    }
    stored.array = inflated.position();
    DocumentArray documents(inflated, key, limits_.max_document_bytes);
    for (;;) {
        DAVENPORT_ASSIGN(const UploadedDocument* document, documents.next());
        if (document == nullptr) break;
        DAVENPORT_TRY(documents.check_attachments());
    }
    stored.entry.documents = documents.count();
    auto ended = inflated.expect_end();
    if (!ended) return refused(std::move(ended).error());
    return {};
}

Result<> EnvelopeReader::security(Stored& stored) {
    const int first = scanner_.peek();
    if (first == 'n') return scanner_.null();
    if (first != '{')
        return refuse(
            database_level,
            fmt::format("\"security\" of database \"{}\" must be an object", stored.entry.key));
    const std::uint64_t position = scanner_.position();
    DAVENPORT_ASSIGN(stored.entry.security, scanner_.raw_value(database_level, memory_left_));
    DAVENPORT_TRY(keep(stored.entry.security.size()));
    // Its syntax is known to be right; this finds keys that stand twice.
    if (auto object = parse_json_object(stored.entry.security); !object)
        return fail(ErrorCode::invalid_argument, "\"security\" of database \"{}\" (at byte {}): {}",
                    stored.entry.key, position, object.error().message);
    return {};
}

}  // namespace

Result<Envelope> read_envelope(const std::string& path, const ReaderLimits& limits) {
    DAVENPORT_ASSIGN(const auto input, Input::open(path, 0, limits.buffer_bytes));
    EnvelopeReader reader(path, limits, *input);
    return reader.read();
}

}  // namespace davenport::backup_doc
