#include "pages.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/documents/records.hpp"

#include <charconv>

namespace davenport::audit {
namespace {

constexpr std::string_view prefix = "audit:";
constexpr std::string_view last_id = "audit:9999999999999999";
constexpr std::string_view trimmed_id = "audit_trimmed";
constexpr std::string_view key_prefix = "audit_key:";

std::string id_of(std::uint64_t first) {
    return fmt::format("{}{:016}", prefix, first);
}

StoredPage to_page(std::string_view id, std::string_view body) {
    StoredPage page;
    const std::string_view digits = id.substr(std::min(prefix.size(), id.size()));
    std::from_chars(digits.data(), digits.data() + digits.size(), page.first);
    const auto damaged = [&] {
        page.lines.clear();
        page.fault = fmt::format("the audit log's page {} can't be read", in_quotes(id));
        return page;
    };
    const auto object = parse_json_object(body);
    if (!object || id_of(page.first) != id ||
        integer_member(*object, "first") != static_cast<std::int64_t>(page.first))
        return damaged();
    const json::array* lines = array_member(*object, "lines");
    if (!lines || lines->empty()) return damaged();
    for (const json::value& line : *lines) {
        if (!line.is_string()) return damaged();
        page.lines.emplace_back(line.as_string());
    }
    return page;
}

}  // namespace

Result<std::vector<StoredPage>> Pages::read(documents::AllDocsOptions options) {
    return documents::retry_transient([&]() -> Result<std::vector<StoredPage>> {
        DAVENPORT_ASSIGN(const auto snapshot, control_->snapshot());
        DAVENPORT_ASSIGN(const auto cursor, snapshot->all_docs(options));
        std::vector<StoredPage> pages;
        for (;;) {
            DAVENPORT_ASSIGN(const documents::DocumentView* document, cursor->next());
            if (!document) return pages;
            pages.push_back(to_page(document->id, document->body));
        }
    });
}

Result<std::optional<StoredPage>> Pages::newest() {
    DAVENPORT_ASSIGN(auto pages, before(0, 1));
    if (pages.empty()) return std::optional<StoredPage>();
    if (!pages.front().fault.empty()) return fail(ErrorCode::corrupt, "{}", pages.front().fault);
    return std::optional(std::move(pages.front()));
}

Result<std::optional<StoredPage>> Pages::at(std::uint64_t first) {
    const std::string id = id_of(first);
    const auto document = documents::retry_transient([&] { return control_->get(id); });
    if (!document && document.error().code == ErrorCode::not_found)
        return std::optional<StoredPage>();
    if (!document) return fail(document.error());
    StoredPage page = to_page(id, document->body);
    if (!page.fault.empty()) return fail(ErrorCode::corrupt, "{}", page.fault);
    return std::optional(std::move(page));
}

Result<std::vector<StoredPage>> Pages::from(std::uint64_t seq, std::uint64_t limit) {
    // The page that holds the line may begin before it.
    DAVENPORT_ASSIGN(const auto holding, before(seq + 1, 1));
    const bool within = !holding.empty() && holding.front().next() > seq;
    documents::AllDocsOptions options;
    options.start_id = id_of(within ? holding.front().first : seq);
    options.end_id = std::string(last_id);
    options.limit = limit;
    return read(std::move(options));
}

Result<std::vector<StoredPage>> Pages::before(std::uint64_t before, std::uint64_t limit) {
    if (before == 1) return std::vector<StoredPage>();
    documents::AllDocsOptions options;
    options.start_id = before == 0 ? std::string(last_id) : id_of(before - 1);
    options.end_id = id_of(0);
    options.descending = true;
    options.limit = limit;
    return read(std::move(options));
}

Result<> Pages::append(const StoredPage& page) {
    json::object body{{"type", "audit"}, {"first", page.first}};
    json::array& lines = body["lines"].emplace_array();
    for (const std::string& line : page.lines) lines.emplace_back(line);
    DAVENPORT_TRY(documents::write_record(*control_, id_of(page.first), body, ""));
    return {};
}

Result<> Pages::remove(const std::vector<std::uint64_t>& firsts) {
    std::vector<std::string> ids;
    ids.reserve(firsts.size());
    for (const std::uint64_t first : firsts) ids.push_back(id_of(first));
    std::vector<documents::DocumentWrite> writes(ids.size());
    for (std::size_t i = 0; i < ids.size(); ++i) {
        writes[i].id = ids[i];
        writes[i].deleted = true;
    }
    DAVENPORT_ASSIGN(const auto outcomes, documents::retry_transient([&] {
                         return control_->write(writes, documents::WriteMode::overwrite,
                                                documents::Atomicity::each);
                     }));
    for (const auto& outcome : outcomes)
        if (outcome.error) return fail(*outcome.error);
    return {};
}

Result<Trimmed> Pages::trimmed() {
    const auto record = documents::read_record(*control_, trimmed_id);
    if (!record && record.error().code == ErrorCode::not_found) return Trimmed();
    if (!record) return fail(record.error());
    return Trimmed{static_cast<std::uint64_t>(integer_member(record->body, "through").value_or(0)),
                   text_or(record->body, "hash")};
}

Result<> Pages::set_trimmed(const Trimmed& trimmed) {
    const auto through = static_cast<std::int64_t>(trimmed.through);
    const auto advance = [&](json::object& body) -> Result<documents::Edit> {
        if (integer_member(body, "through").value_or(0) >= through) return documents::Edit::keep;
        body["through"] = through;
        body["hash"] = trimmed.hash;
        return documents::Edit::write;
    };
    const auto updated = documents::update_record(*control_, trimmed_id, advance);
    if (updated) return {};
    if (updated.error().code != ErrorCode::not_found) return fail(updated.error());
    const json::object body{
        {"type", "audit_trimmed"}, {"through", through}, {"hash", trimmed.hash}};
    const auto written = documents::write_record(*control_, trimmed_id, body, "");
    if (written) return {};
    // Somebody was faster: their record may be the further one.
    if (written.error().code != ErrorCode::conflict) return fail(written.error());
    DAVENPORT_TRY(documents::update_record(*control_, trimmed_id, advance));
    return {};
}

Result<> Pages::publish_key(std::string_view id, std::string_view pem) {
    const std::string document = fmt::format("{}{}", key_prefix, id);
    const auto known = documents::read_record(*control_, document);
    if (known) return {};
    if (known.error().code != ErrorCode::not_found) return fail(known.error());
    const auto written =
        documents::write_record(*control_, document, {{"type", "audit_key"}, {"pem", pem}}, "");
    if (!written && written.error().code != ErrorCode::conflict) return fail(written.error());
    return {};
}

Result<std::vector<std::string>> Pages::published_keys() {
    documents::AllDocsOptions options;
    options.start_id = std::string(key_prefix);
    options.end_id = std::string(key_prefix) + "g";  // behind every hex digit
    DAVENPORT_ASSIGN(const auto snapshot, control_->snapshot());
    DAVENPORT_ASSIGN(const auto cursor, snapshot->all_docs(options));
    std::vector<std::string> keys;
    for (;;) {
        DAVENPORT_ASSIGN(const documents::DocumentView* document, cursor->next());
        if (!document) return keys;
        DAVENPORT_ASSIGN(const json::object body, parse_json_object(document->body));
        keys.push_back(text_or(body, "pem"));
    }
}

}  // namespace davenport::audit
