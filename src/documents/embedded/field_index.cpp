#include "field_index.hpp"

#include "davenport/base/json.hpp"
#include "documents/field_value.hpp"

namespace davenport::documents::embedded {
namespace {

// The statements here are the module's only ones that are put together at run time: SQLite takes no
// parameters in an index's expressions, and uses the index only where the same expressions stand.
// What goes in are index and field names that check_index let pass: no quotes, no backslashes but
// the apostrophe, which is doubled.

std::string path_literal(const std::string& field) {
    std::string literal = "'$.\"";
    for (const char c : field) {
        if (c == '\'') literal.push_back('\'');
        literal.push_back(c);
    }
    return literal + "\"'";
}

std::string value_of(const std::string& field) {
    return "json_extract(body, " + path_literal(field) + ")";
}

std::string type_of(const std::string& field) {
    return "json_type(body, " + path_literal(field) + ")";
}

// What an index holds: documents that exist and have every field.
std::string membership(std::span<const std::string> fields) {
    std::string sql = "deleted = 0";
    for (const std::string& field : fields) sql += " AND " + type_of(field) + " IS NOT NULL";
    return sql;
}

std::string types_like(const FieldValue& value) {
    switch (value.kind) {
        case FieldValue::Kind::null:
            return "('null')";
        case FieldValue::Kind::boolean:
            return value.integer != 0 ? "('true')" : "('false')";
        case FieldValue::Kind::integer:
        case FieldValue::Kind::real:
            return "('integer', 'real')";
        case FieldValue::Kind::text:
        case FieldValue::Kind::container:
            break;
    }
    return "('text')";
}

void bind_value(Rows& rows, int index, const FieldValue& value) {
    switch (value.kind) {
        case FieldValue::Kind::null:
            return rows.bind(index, Null{});
        case FieldValue::Kind::boolean:
        case FieldValue::Kind::integer:
            return rows.bind(index, value.integer);
        case FieldValue::Kind::real:
            return rows.bind(index, value.real);
        case FieldValue::Kind::text:
        case FieldValue::Kind::container:
            return rows.bind(index, value.text);
    }
}

Result<std::vector<std::string>> fields_of(Connection& connection, Statement& statement,
                                           std::string_view index) {
    Rows rows = statement.run(index);
    DAVENPORT_ASSIGN(const bool found, rows.next());
    std::vector<std::string> fields;
    if (!found) return fields;
    DAVENPORT_ASSIGN(const json::value value, parse_json(rows.bytes(0)));
    if (!value.is_array())
        return fail(ErrorCode::corrupt, "database \"{}\": index \"{}\" is described wrongly",
                    connection.label(), index);
    for (const json::value& field : value.get_array())
        if (const json::string* name = field.if_string())
            fields.emplace_back(name->data(), name->size());
    return fields;
}

// A query as a statement, and the values for it.
struct Search {
    std::vector<std::string> fields;
    FieldQuery values;
    std::string where;  // with FROM

    int parameters() const {
        return static_cast<int>(values.equals.size()) + (values.from ? 1 : 0) + (values.to ? 1 : 0);
    }
    void bind(Rows& rows) const {
        int index = 0;
        for (const FieldValue& value : values.equals) bind_value(rows, ++index, value);
        if (values.from) bind_value(rows, ++index, *values.from);
        if (values.to) bind_value(rows, ++index, *values.to);
    }
    std::string order(bool descending) const {
        const std::string direction = descending ? " DESC" : "";
        std::string sql = " ORDER BY ";
        for (std::size_t i = values.equals.size(); i < fields.size(); ++i)
            sql += value_of(fields[i]) + direction + ", ";
        return sql + "id" + direction;
    }
};

Result<Search> search(Connection& connection, Statement& fields, const Query& query) {
    Search search;
    DAVENPORT_ASSIGN(search.fields, fields_of(connection, fields, query.index));
    if (search.fields.empty())
        return fail(Error{ErrorCode::not_found,
                          fmt::format("database \"{}\" has no such index", connection.label()),
                          "no_index"});
    DAVENPORT_ASSIGN(search.values, check_query(query, search.fields));
    std::string& sql = search.where;
    sql = " FROM docs INDEXED BY \"field_" + query.index + "\" WHERE " + membership(search.fields);
    for (std::size_t i = 0; i < search.values.equals.size(); ++i) {
        const FieldValue& value = search.values.equals[i];
        sql += " AND " + value_of(search.fields[i]) +
               (value.kind == FieldValue::Kind::null ? " IS ?" : " = ?");
        sql += " AND " + type_of(search.fields[i]) + " IN " + types_like(value);
    }
    const auto& [equals, from, to] = search.values;
    if (from || to) {
        const std::string& field = search.fields[equals.size()];
        if (from) sql += " AND " + value_of(field) + " >= ?";
        if (to) sql += " AND " + value_of(field) + " <= ?";
        sql += " AND " + type_of(field) + " IN " + types_like(from ? *from : *to);
    }
    return search;
}

std::string find_sql(const Search& search, const Query& query) {
    return "SELECT id, seq, rev, attachments, body" + search.where +
           search.order(query.descending) + " LIMIT ? OFFSET ?";
}

std::int64_t as_limit(std::uint64_t count) {
    constexpr std::uint64_t most = INT64_MAX;
    return static_cast<std::int64_t>(std::min(count, most));
}

}  // namespace

Result<> create_field_index(Connection& connection, std::string_view index,
                            std::span<const std::string> fields) {
    DAVENPORT_TRY(check_index(index, fields));
    Statement fields_statement(connection, fields_sql);
    DAVENPORT_ASSIGN(const auto known, fields_of(connection, fields_statement, index));
    if (!known.empty()) {
        if (std::equal(known.begin(), known.end(), fields.begin(), fields.end())) return {};
        return fail(ErrorCode::conflict, "index \"{}\" exists with other fields", index);
    }
    std::string sql = fmt::format("CREATE INDEX \"field_{}\" ON docs (", index);
    for (const std::string& field : fields) {
        if (&field != &fields.front()) sql += ", ";
        sql += value_of(field);
    }
    sql += ") WHERE " + membership(fields);
    DAVENPORT_TRY(connection.execute(sql.c_str()));
    json::array names;
    for (const std::string& field : fields) names.emplace_back(json::string_view(field));
    const std::string text = to_text(json::value(std::move(names)));
    Statement insert(connection, "INSERT INTO indexes (name, fields) VALUES (?, ?)");
    return insert.execute(index, text);
}

Statement& FieldSearch::statement(std::string sql) {
    constexpr std::size_t most = 64;
    const auto known = kept_.find(sql);
    if (known != kept_.end()) return known->second->statement;
    if (kept_.size() == most) kept_.clear();
    auto kept = std::make_unique<Kept>(connection_, sql);
    return kept_.emplace(std::move(sql), std::move(kept)).first->second->statement;
}

Result<std::vector<Document>> FieldSearch::find(const Query& query) {
    DAVENPORT_ASSIGN(const Search search, embedded::search(connection_, fields_, query));
    Rows rows = statement(find_sql(search, query)).run();
    search.bind(rows);
    rows.bind(search.parameters() + 1, as_limit(query.limit));
    rows.bind(search.parameters() + 2, as_limit(query.skip));
    std::vector<Document> documents;
    for (;;) {
        DAVENPORT_ASSIGN(const bool found, rows.next());
        if (!found) return documents;
        Document document;
        document.id = rows.bytes(0);
        document.sequence = static_cast<std::uint64_t>(rows.integer(1));
        document.revision = rows.bytes(2);
        DAVENPORT_ASSIGN(document.attachments, from_stub_text(rows.bytes(3)));
        document.body = rows.bytes(4);
        documents.push_back(std::move(document));
    }
}

Result<std::uint64_t> FieldSearch::count(const Query& query) {
    DAVENPORT_ASSIGN(const Search search, embedded::search(connection_, fields_, query));
    Rows rows = statement("SELECT count(*)" + search.where).run();
    search.bind(rows);
    DAVENPORT_TRY(rows.next());
    return static_cast<std::uint64_t>(rows.integer(0));
}

Result<std::string> explain_find(Connection& connection, const Query& query) {
    Statement fields(connection, fields_sql);
    DAVENPORT_ASSIGN(const Search search, embedded::search(connection, fields, query));
    const std::string sql = "EXPLAIN QUERY PLAN " + find_sql(search, query);
    Statement statement(connection, sql.c_str());
    Rows rows = statement.run();
    std::string plan;
    for (;;) {
        DAVENPORT_ASSIGN(const bool found, rows.next());
        if (!found) return plan;
        plan.append(rows.bytes(3)).push_back('\n');
    }
}

}  // namespace davenport::documents::embedded
