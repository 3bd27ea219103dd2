// Reading many documents in id order, by several requests at once.

#include "couchdb_engine.hpp"
#include "davenport/base/json.hpp"

#include <algorithm>
#include <map>

using namespace davenport;
using namespace davenport::documents;
using namespace davenport::documents::test;
using davenport::test::Gate;
using Connection = StagedCouchdb::Connection;
using Seen = StagedCouchdb::Seen;
using Strings = std::vector<std::string>;

namespace {

std::string unescaped(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out.push_back(text[i]);
            continue;
        }
        out.push_back(
            static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16)));
        i += 2;
    }
    return out;
}

// A request for rows of `_all_docs`.
struct Asked {
    bool bodies = true, inclusive_end = true, descending = false;
    std::optional<std::string> start, end;
    std::size_t skip = 0, limit = ~std::size_t{0};

    bool for_page() const { return limit != 1; }

    static std::optional<Asked> of(const Seen& seen) {
        constexpr std::string_view path = "/db/_all_docs?";
        if (!seen.path.starts_with(path)) return std::nullopt;
        Asked asked;
        asked.bodies = false;
        std::string_view rest = std::string_view(seen.path).substr(path.size());
        while (!rest.empty()) {
            const std::string_view one = rest.substr(0, rest.find('&'));
            rest.remove_prefix(std::min(rest.size(), one.size() + 1));
            const std::string_view name = one.substr(0, one.find('='));
            const std::string value = unescaped(one.substr(name.size() + 1));
            const auto key = [&] { return std::string(require(parse_json(value)).as_string()); };
            if (name == "include_docs") asked.bodies = value == "true";
            if (name == "descending") asked.descending = value == "true";
            if (name == "inclusive_end") asked.inclusive_end = value == "true";
            if (name == "startkey") asked.start = key();
            if (name == "endkey") asked.end = key();
            if (name == "skip") asked.skip = std::stoul(value);
            if (name == "limit") asked.limit = std::stoul(value);
        }
        return asked;
    }
};

// The documents of "db", by id; the bodies are JSON texts. Answers as CouchDB does.
class Listing {
  public:
    void set(const std::string& id, std::string body = "{}") {
        const std::lock_guard lock(mutex_);
        docs_.insert_or_assign(id, std::move(body));
    }
    void erase(const std::string& id) {
        const std::lock_guard lock(mutex_);
        docs_.erase(id);
    }
    Strings ids() {
        const std::lock_guard lock(mutex_);
        Strings ids;
        for (const auto& each : docs_) ids.push_back(each.first);
        return ids;
    }
    Strings rows(const Asked& asked) {
        const std::lock_guard lock(mutex_);
        Strings rows;
        if (asked.descending) {  // which is asked for the last one only
            const auto end = asked.start ? docs_.upper_bound(*asked.start) : docs_.end();
            if (end != docs_.begin()) rows.push_back(row(*std::prev(end), asked.bodies));
            return rows;
        }
        std::size_t skip = asked.skip;
        for (auto doc = asked.start ? docs_.lower_bound(*asked.start) : docs_.begin();
             doc != docs_.end() && rows.size() < asked.limit; ++doc) {
            const std::string& id = doc->first;
            if (asked.end && (asked.inclusive_end ? id > *asked.end : id >= *asked.end)) break;
            if (skip > 0)
                --skip;
            else
                rows.push_back(row(*doc, asked.bodies));
        }
        return rows;
    }
    // With the rows given, as the answer to what was asked.
    std::string answer(const Asked& asked, const Strings& rows) {
        std::size_t offset = 0, total = 0;
        if (ranks) {
            const std::lock_guard lock(mutex_);
            const auto first = asked.start ? docs_.lower_bound(*asked.start) : docs_.begin();
            offset = static_cast<std::size_t>(std::distance(docs_.begin(), first)) + asked.skip;
            total = docs_.size();
            if (asked.descending && asked.start)
                offset = static_cast<std::size_t>(
                    std::distance(docs_.upper_bound(*asked.start), docs_.end()));
            else if (asked.descending)
                offset = 0;
        }
        std::string text =
            fmt::format("{{\"total_rows\":{},\"offset\":{},\"rows\":[\n", total, offset);
        for (std::size_t i = 0; i < rows.size(); ++i) text += (i > 0 ? ",\n" : "") + rows[i];
        return text + "\n]}\n";
    }
    std::string answer(const Asked& asked) { return answer(asked, rows(asked)); }

    bool ranks = true;  // as CouchDB; not every server tells them

  private:
    static std::string row(const std::pair<const std::string, std::string>& doc, bool body) {
        std::string id;
        append_quoted(id, doc.first);
        std::string row = fmt::format(R"({{"id":{0},"key":{0},"value":{{"rev":"1-a"}})", id);
        if (body) row += fmt::format(R"(,"doc":{{"_id":{},"_rev":"1-a","v":{}}})", id, doc.second);
        return row + "}";
    }

    std::mutex mutex_;
    std::map<std::string, std::string> docs_;
};

std::string number(int i) {
    return fmt::format("d{:06}", i);
}

void fill(Listing& listing, int count, const std::string& body = "{}") {
    for (int i = 0; i < count; ++i) listing.set(number(i), body);
}

const std::string some_text = "\"" + std::string(500, 'x') + "\"";
// So large that a page holds no more documents than the fewest.
const std::string large_text = "\"" + std::string(150'000, 'x') + "\"";

std::unique_ptr<DocumentCursor> cursor_of(StagedCouchdb& server,
                                          const AllDocsOptions& options = {}) {
    return require(require(server.open()->snapshot())->all_docs(options));
}

Error error_of_all(StagedCouchdb& server) {
    const auto cursor = cursor_of(server);
    while (true) {
        const auto view = cursor->next();
        if (!view) return view.error();
        if (*view == nullptr) FAIL("it was read to its end");
    }
}

}  // namespace

TEST_CASE("couchdb pages: several are read at once, and come in order and once") {
    Listing listing;
    listing.ranks = GENERATE(true, false);
    fill(listing, 30'000, some_text);
    std::mutex mutex;
    std::vector<std::string> pages;
    Gate two_more;
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        const auto asked = Asked::of(seen);
        if (!asked) return false;
        std::size_t number = 0;
        if (asked->for_page() && asked->start && asked->limit > 1'000) {
            const std::lock_guard lock(mutex);
            pages.push_back(*asked->start);
            number = pages.size();
            if (number == 4) two_more.open();
        }
        // This one comes only when two others were asked for beside it.
        if (number == 2 && !two_more.wait()) return connection.close(), true;
        connection.answer(200, listing.answer(*asked));
        return true;
    });
    CHECK(ids_of(rows_of(cursor_of(server))) == listing.ids());
    CHECK(pages.size() > 5);
}

TEST_CASE("couchdb pages: a small database is one request, and part of one no more") {
    Listing listing;
    fill(listing, 400, some_text);
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        const auto asked = Asked::of(seen);
        if (!asked) return false;
        connection.answer(200, listing.answer(*asked));
        return true;
    });
    CHECK(rows_of(cursor_of(server)).size() == 400);
    CHECK(server.count("GET /db/_all_docs") == 1);
    fill(listing, 20'000, some_text);
    AllDocsOptions options;
    options.start_id = number(5'000);
    options.end_id = number(5'300);
    CHECK(rows_of(cursor_of(server, options)).size() == 301);
    CHECK(server.count("GET /db/_all_docs") == 2);
    options.end_id = number(17'000);
    for (const bool inclusive : {true, false}) {
        options.inclusive_end = inclusive;
        const auto ids = ids_of(rows_of(cursor_of(server, options)));
        REQUIRE(ids.size() == (inclusive ? 12'001 : 12'000));
        CHECK(ids.front() == number(5'000));
        CHECK(ids.back() == number(inclusive ? 17'000 : 16'999));
        CHECK(std::is_sorted(ids.begin(), ids.end()));
    }
    // Backwards, and without bodies, there are no pages. (This server does not read backwards.)
    const std::size_t before = server.count("GET /db/_all_docs");
    options = {};
    options.bodies = false;
    CHECK(rows_of(cursor_of(server, options)).size() == 20'000);
    CHECK(server.count("GET /db/_all_docs") == before + 1);
}

TEST_CASE("couchdb pages: one that breaks off goes on behind its last document") {
    Listing listing;
    listing.ranks = GENERATE(true, false);
    fill(listing, 12'000, some_text);
    std::atomic<int> cut = 0, failed_searches = 0;
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        const auto asked = Asked::of(seen);
        if (!asked) return false;
        const auto rows = listing.rows(*asked);
        std::string text = listing.answer(*asked, rows);
        if (asked->for_page() && rows.size() > 700) {
            ++cut;
            const std::size_t end = text.find(rows[600]) + 40;
            cut_answer(connection, text.substr(0, end));
        } else if (!asked->for_page() && ++failed_searches % 2 == 0) {
            connection.answer(200, "{\"rows\":[{\"id\":\"a\",\"key\":\"a\"}]}");
        } else {
            connection.answer(200, text);
        }
        return true;
    });
    CHECK(ids_of(rows_of(cursor_of(server))) == listing.ids());
    CHECK(cut > 8);
    CHECK(failed_searches > 2);
}

TEST_CASE("couchdb pages: documents that come and go meanwhile make no gap") {
    Listing listing;
    listing.ranks = GENERATE(true, false);
    fill(listing, 20'000, some_text);
    Strings always = listing.ids();
    std::mutex mutex;
    std::map<std::string, bool> changed;  // id; there in the end?
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        const auto asked = Asked::of(seen);
        if (!asked) return false;
        if (asked->for_page() || !asked->start) {
            connection.answer(200, listing.answer(*asked));
            return true;
        }
        // Right where a page is going to end: its first document goes, and others come round it.
        const auto rows = listing.rows(*asked);
        if (!rows.empty()) {
            const auto row = require(parse_json_object(rows[0]));
            const std::string id = text_or(row, "id");
            const std::lock_guard lock(mutex);
            for (const std::string& added : {id + "-new", id.substr(0, id.size() - 1) + "/"}) {
                listing.set(added, some_text);
                changed[added] = true;
            }
            listing.erase(id);
            changed[id] = false;
        }
        connection.answer(200, listing.answer(*asked, rows));
        return true;
    });
    const auto seen = ids_of(rows_of(cursor_of(server)));
    CHECK(std::is_sorted(seen.begin(), seen.end()));
    CHECK(std::adjacent_find(seen.begin(), seen.end()) == seen.end());
    CHECK(changed.size() > 9);
    std::erase_if(always, [&](const std::string& id) { return changed.contains(id); });
    CHECK(std::includes(seen.begin(), seen.end(), always.begin(), always.end()));
}

TEST_CASE("couchdb pages: they may begin with any id") {
    Listing listing;
    listing.ranks = GENERATE(true, false);
    for (const char* begin : {"a/b", "a+b ", "100%", "_design/x", "ü", "q?x=1&y#",
                              "\xf0\x9f\x98\x80", "\"q\\", "\xef\xbf\xbf", "~", " ", "%2F"})
        for (int i = 0; i < 17; ++i) listing.set(fmt::format("{}{}", begin, i), large_text);
    std::mutex mutex;
    std::map<std::string, bool> starts;
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        const auto asked = Asked::of(seen);
        if (!asked) return false;
        if (asked->for_page() && asked->start) {
            const std::lock_guard lock(mutex);
            starts[asked->start->substr(0, 2)] = true;
        }
        connection.answer(200, listing.answer(*asked));
        return true;
    });
    CHECK(ids_of(rows_of(cursor_of(server))) == listing.ids());
    CHECK(starts.size() >= 10);
}

TEST_CASE("couchdb pages: rows that do not belong there are refused") {
    const auto swapped = [](Strings rows, const Asked&) {
        std::swap(rows[100], rows[101]);
        return rows;
    };
    const auto too_many = [](Strings rows, const Asked& asked) {
        rows.push_back(listed(asked.end.value_or("e"), 1));
        return rows;
    };
    const auto too_early = [](Strings rows, const Asked&) {
        rows.insert(rows.begin(), listed("a", 1));
        return rows;
    };
    using Lie = std::function<Strings(Strings, const Asked&)>;
    for (const Lie& lie : {Lie(swapped), Lie(too_many), Lie(too_early)}) {
        Listing listing;
        fill(listing, 12'000, some_text);
        StagedCouchdb server([&](Connection& connection, const Seen& seen) {
            const auto asked = Asked::of(seen);
            if (!asked) return false;
            auto rows = listing.rows(*asked);
            if (asked->start == number(1'000) && asked->for_page()) rows = lie(rows, *asked);
            connection.answer(200, listing.answer(*asked, rows));
            return true;
        });
        CHECK(error_of_all(server).code == ErrorCode::corrupt);
    }
}

TEST_CASE("couchdb pages: a server that can't tell where they end is an error in the end") {
    for (const char* answer : {"{\"rows\":[{\"id\":\"a\"}]}", "{\"rows\":[{}]}", "{}", "[]",
                               "{\"rows\":[{\"id\":\"x\"},{\"id\":\"y\"}]}", "nothing"}) {
        Listing listing;
        fill(listing, 2'000);
        StagedCouchdb server([&](Connection& connection, const Seen& seen) {
            const auto asked = Asked::of(seen);
            if (!asked) return false;
            connection.answer(200, asked->for_page() ? listing.answer(*asked) : answer);
            return true;
        });
        INFO(answer);
        CHECK(error_of_all(server).code == ErrorCode::corrupt);
    }
}

TEST_CASE("couchdb pages: however large the documents, little waits to be read") {
    Listing listing;
    const std::string text = "\"" + std::string(4'000'000, 'x') + "\"";
    std::atomic<std::size_t> sent = 0;
    for (int i = 0; i < 90; ++i) listing.set(number(i));
    StagedCouchdb server([&](Connection& connection, const Seen& seen) {
        const auto asked = Asked::of(seen);
        if (!asked) return false;
        if (!asked->for_page()) {
            connection.answer(200, listing.answer(*asked));
            return true;
        }
        const auto rows = listing.rows(*asked);
        std::size_t total = 13;
        for (std::size_t i = 0; i < rows.size(); ++i)
            total += rows[i].size() - 2 + text.size() + (i > 0 ? 1 : 0);
        connection.send(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", total));
        connection.send("{\"rows\":[  ");
        for (std::size_t i = 0; i < rows.size(); ++i) {
            std::string row = (i > 0 ? "," : "") + rows[i];
            row.replace(row.find("\"v\":{}") + 4, 2, text);
            for (std::size_t at = 0; at < row.size(); at += 100'000) {
                const auto piece = std::string_view(row).substr(at, 100'000);
                if (!connection.send(piece)) return true;
                sent += piece.size();
            }
        }
        connection.send("]}");
        return true;
    });
    const auto cursor = cursor_of(server);
    std::size_t read = 0, documents = 0;
    std::size_t most = 0;
    while (const DocumentView* view = require(cursor->next())) {
        CHECK(view->body.size() == text.size() + 6);
        read += view->body.size();
        ++documents;
        const std::size_t so_far = sent;
        most = std::max(most, so_far - std::min(so_far, read));
    }
    CHECK(documents == 90);
    // Four requests, each with what is held here and in the kernel's buffers.
    CHECK(most < std::size_t{64} << 20);
}
