#include "fields.hpp"

#include "reads.hpp"

#include <algorithm>

namespace davenport::documents::couchdb {
namespace {

constexpr std::string_view prefix = "davenport-";
constexpr std::uint64_t page_documents = 500;
constexpr std::uint64_t page_values = 5'000;

// A dot would lead into an object, and a dollar begins an operator.
Result<std::string> mango_name(std::string_view field) {
    if (field.front() == '$')
        return fail(ErrorCode::unsupported,
                    "CouchDB can't index the field \"{}\": it begins with a dollar", field);
    std::string name;
    for (const char c : field) {
        if (c == '.') name.push_back('\\');
        name.push_back(c);
    }
    return name;
}

bool is_plain_text(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// Whether Mango and the port agree on where it stands in the order.
bool orders_alike(const FieldValue& value) {
    return value.is_number() || value.kind == FieldValue::Kind::null;
}

// Mango's condition for one field, as JSON.
std::string bounds_of(const Query& query, const FieldQuery& checked) {
    const FieldValue* any = checked.from ? &*checked.from : checked.to ? &*checked.to : nullptr;
    if (any == nullptr) return "{\"$gte\":null}";
    // Between true and the empty text lie the numbers, between that and the arrays the texts.
    if (!any->is_number()) return "{\"$gte\":\"\",\"$lt\":[]}";
    const std::string from = query.from ? "\"$gte\":" + *query.from : "\"$gt\":true";
    const std::string to = query.to ? "\"$lte\":" + *query.to : "\"$lt\":\"\"";
    return "{" + from + "," + to + "}";
}

}  // namespace

struct Fields::Asked {
    std::string index;
    std::string design;
    Names fields;
    FieldQuery query;
    std::string selector;
    std::string sort;
    std::string values;  // the list of fields, for what needs no documents
    bool pages = false;  // Mango selects what the port does; its order is seen from what comes
};

Result<std::optional<Fields::Names>> Fields::known(const std::string& index) {
    {
        const std::lock_guard lock(mutex_);
        if (const auto found = indexes_.find(index); found != indexes_.end())
            return std::optional(found->second);
    }
    DAVENPORT_ASSIGN(const Answer answer,
                     place_.client().send(get_request(place_.path + "/_index")));
    if (answer.head.status != 200) return fail(database_error(answer, place_, "the indexes"));
    DAVENPORT_ASSIGN(const json::object object, parse_json_object(answer.body));
    const std::string design = fmt::format("_design/{}{}", prefix, index);
    const json::array* list = array_member(object, "indexes");
    if (list == nullptr) return fail(ErrorCode::corrupt, "the list of indexes is malformed");
    for (const json::value& value : *list) {
        const json::object* entry = value.if_object();
        if (entry == nullptr || text_or(*entry, "ddoc") != design) continue;
        const json::object* definition = object_member(*entry, "def");
        const json::array* fields = definition ? array_member(*definition, "fields") : nullptr;
        if (fields == nullptr) continue;
        Names names;
        for (const json::value& field : *fields)
            if (const json::object* one = field.if_object(); one && one->size() == 1)
                names.emplace_back(one->begin()->key());
        const std::lock_guard lock(mutex_);
        indexes_.insert_or_assign(index, names);
        return std::optional(std::move(names));
    }
    return std::optional<Names>();
}

Result<> Fields::ensure(std::string_view index, std::span<const std::string> fields) {
    DAVENPORT_TRY(check_index(index, fields));
    Names names;
    for (const std::string& field : fields) {
        DAVENPORT_ASSIGN(std::string name, mango_name(field));
        names.push_back(std::move(name));
    }
    const std::string name(index);
    {
        // What is remembered may be of a database that is gone.
        const std::lock_guard lock(mutex_);
        indexes_.erase(name);
    }
    DAVENPORT_ASSIGN(const auto there, known(name));
    if (there) {
        if (*there == names) return {};
        return fail(ErrorCode::conflict, "index \"{}\" exists with other fields", index);
    }
    std::string body = "{\"index\":{\"fields\":[";
    for (const std::string& field : names) {
        if (body.back() != '[') body.push_back(',');
        append_quoted(body, field);
    }
    body += fmt::format("]}},\"ddoc\":\"{0}{1}\",\"name\":\"{0}{1}\",\"type\":\"json\"}}", prefix,
                        index);
    DAVENPORT_ASSIGN(const Answer answer,
                     place_.client().send(post_request(place_.path + "/_index", std::move(body))));
    if (answer.head.status != 200 && answer.head.status != 201)
        return fail(database_error(answer, place_, "the index"));
    const std::lock_guard lock(mutex_);
    indexes_.insert_or_assign(name, std::move(names));
    return {};
}

Result<Fields::Asked> Fields::prepare(const Query& query) {
    DAVENPORT_ASSIGN(const auto names, known(query.index));
    if (!names) return fail(no_index(query.index));
    Result<Asked> result{Asked{}};
    Asked& asked = *result;
    asked.index = query.index;
    asked.design = fmt::format("{}{}", prefix, query.index);
    for (const std::string& name : *names) {
        std::string field;
        for (const char c : name)
            if (c != '\\') field.push_back(c);
        asked.fields.push_back(std::move(field));
    }
    DAVENPORT_ASSIGN(asked.query, check_query(query, asked.fields));

    asked.values = "[\"_id\"";
    asked.sort = "[";
    asked.selector = "{";
    for (std::size_t i = 0; i < names->size(); ++i) {
        std::string name;
        append_quoted(name, (*names)[i]);
        asked.values += "," + name;
        asked.sort += fmt::format("{}{{{}:\"{}\"}}", i > 0 ? "," : "", name,
                                  query.descending ? "desc" : "asc");
        std::string condition = "{\"$gte\":null}";
        if (i < query.equals.size())
            condition = "{\"$eq\":" + query.equals[i] + "}";
        else if (i == query.equals.size())
            condition = bounds_of(query, asked.query);
        asked.selector += fmt::format("{}{}:{}", i > 0 ? "," : "", name, condition);
    }
    asked.values += "]";
    asked.sort += "]";
    asked.selector += "}";

    const auto plain = [](const FieldValue& value) {
        return value.kind != FieldValue::Kind::text || is_plain_text(value.text);
    };
    const auto text = [](const std::optional<FieldValue>& bound) {
        return bound && !bound->is_number();
    };
    asked.pages = std::all_of(asked.query.equals.begin(), asked.query.equals.end(), plain) &&
                  !text(asked.query.from) && !text(asked.query.to);
    return result;
}

// It may have been remembered of a database that was dropped and made anew.
Error Fields::no_index(const std::string& index) {
    const std::lock_guard lock(mutex_);
    indexes_.erase(index);
    return {ErrorCode::not_found, fmt::format("database \"{}\" has no such index", place_.name),
            "no_index"};
}

Result<> Fields::each(const Asked& asked, Want want, std::uint64_t skip, std::uint64_t limit,
                      const std::function<Result<bool>(Match)>& take) {
    std::string bookmark = "null";
    const std::uint64_t page = want == Want::documents ? page_documents : page_values;
    DocumentReader reader;
    while (limit > 0) {
        const std::uint64_t size = std::min(page, limit);
        std::string body =
            fmt::format("{{\"selector\":{},\"sort\":{},\"use_index\":\"{}\",\"limit\":{}",
                        asked.selector, asked.sort, asked.design, size);
        // A bookmark stands behind what was skipped.
        if (skip > 0 && bookmark == "null") body += fmt::format(",\"skip\":{}", skip);
        if (bookmark != "null") body += ",\"bookmark\":" + bookmark;
        if (want == Want::values) body += ",\"fields\":" + asked.values;
        body += "}";
        DAVENPORT_ASSIGN(
            auto exchange,
            open_answer(place_.client(), post_request(place_.path + "/_find", std::move(body)),
                        [&](const Answer& answer) {
                            Error error = database_error(answer, place_, "a query");
                            return error.detail == "no_usable_index" ? no_index(asked.index)
                                                                     : error;
                        }));
        JsonRows rows(std::move(exchange), "docs", place_.server->max_document_bytes());
        std::uint64_t seen = 0;
        while (true) {
            DAVENPORT_ASSIGN(const auto text, rows.next());
            if (!text) break;
            ++seen;
            if (*text == "null") continue;  // it went while the query ran
            Match match;
            if (want == Want::documents) {
                DAVENPORT_ASSIGN(auto found, reader.read_document(*text));
                match.document = std::move(found.document);
            } else {
                DAVENPORT_ASSIGN(const json::object row, parse_json_object(*text));
                match.document.id = text_or(row, "_id");
                match.document.body = *text;
            }
            auto values = read_fields(match.document.body, asked.fields);
            if (!values || !matches(asked.query, *values)) continue;
            match.values = std::move(*values);
            DAVENPORT_ASSIGN(const bool more, take(std::move(match)));
            if (!more) return {};
        }
        limit -= std::min(limit, seen);
        bookmark = rows.member("bookmark");
        if (seen < size) return {};
        if (bookmark.size() < 2 || bookmark == "\"nil\"") {
            // A server without bookmarks pages by counting.
            bookmark = "null";
            skip += seen;
        }
    }
    return {};
}

Result<std::vector<Document>> Fields::find(const Query& query) {
    DAVENPORT_ASSIGN(const Asked asked, prepare(query));
    std::vector<Document> documents;
    if (query.limit == 0) return documents;
    if (!asked.pages) return find_sorted(asked, query);
    bool alike = true;
    DAVENPORT_TRY(
        each(asked, Want::documents, query.skip, query.limit, [&](Match match) -> Result<bool> {
            for (std::size_t i = query.equals.size(); i < match.values.size(); ++i)
                alike = alike && orders_alike(match.values[i]);
            documents.push_back(std::move(match.document));
            return alike && documents.size() < query.limit;
        }));
    if (!alike) return find_sorted(asked, query);
    return documents;
}

Result<std::vector<Document>> Fields::find_sorted(const Asked& asked, const Query& query) {
    std::vector<Match> all;
    DAVENPORT_TRY(each(asked, Want::values, 0, UINT64_MAX, [&](Match match) -> Result<bool> {
        if (all.size() == max_sorted)
            return fail(ErrorCode::too_large,
                        "more than {} documents match a query that CouchDB can't sort", max_sorted);
        match.document.body.clear();
        all.push_back(std::move(match));
        return true;
    }));
    std::sort(all.begin(), all.end(), [](const Match& a, const Match& b) {
        for (std::size_t i = 0; i < a.values.size(); ++i)
            if (const auto compared = order(a.values[i], b.values[i]); compared != 0)
                return compared < 0;
        return a.document.id < b.document.id;
    });
    if (query.descending) std::reverse(all.begin(), all.end());
    std::vector<Document> documents;
    const std::size_t begin = std::min<std::uint64_t>(query.skip, all.size());
    const std::size_t count = std::min<std::uint64_t>(query.limit, all.size() - begin);
    for (std::size_t i = begin; i < begin + count; ++i) {
        auto found = read_document(place_, all[i].document.id, {});
        if (found) {
            documents.push_back(std::move(found->document));
        } else if (found.error().code != ErrorCode::not_found ||
                   found.error().detail == "no_db_file") {
            return fail(std::move(found).error());
        }
    }
    return documents;
}

Result<std::uint64_t> Fields::count(const Query& query) {
    DAVENPORT_ASSIGN(const Asked asked, prepare(query));
    std::uint64_t count = 0;
    DAVENPORT_TRY(each(asked, Want::values, 0, UINT64_MAX, [&](const Match&) -> Result<bool> {
        ++count;
        return true;
    }));
    return count;
}

}  // namespace davenport::documents::couchdb
