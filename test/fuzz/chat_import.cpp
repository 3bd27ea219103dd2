// Files of chat imports: the first line says whether of users, rooms or comments, the rest is the
// file. What is accepted comes out of an export as it came in, and that export can be imported
// where there is nothing yet, with the same outcome; what is refused leaves nothing behind.
#include "chat/export_rows.hpp"
#include "chat/import_run.hpp"
#include "fuzz/fuzzer.hpp"

#include <algorithm>
#include <cmath>

namespace davenport::fuzz {
namespace {

using chat::Kind;
using chat::Resource;

struct StandingClock final : Clock {
    std::int64_t now_ms() const override { return 1'700'000'000'000; }
};

template <class T>
T must(Result<T> result, const char* promise) {
    if (!result) std::fprintf(stderr, "%s\n", result.error().message.c_str());
    require(result.has_value(), promise);
    return std::move(*result);
}

// An application's chat in memory.
class World {
  public:
    World() {
        database_ = must(store_->open_or_create("chat_x"), "a database is made");
        ledger_ = must(chat::Ledger::open(database_, clock_), "a chat is opened");
    }

    Result<std::uint64_t> import(Resource resource, const json::array& rows) {
        chat::ImportRun run(resource, rows, *ledger_, clock_);
        const auto written = run.run([](std::uint64_t, std::uint64_t) { return Result<>(); },
                                     [](const chat::Ledger::Writing&) { return Result<>(); });
        require(written.has_value() == run.faults().none(), "a refusal names a row");
        if (!written) {
            require(written.error().code == ErrorCode::invalid_argument, "the fault is the file's");
            (void)davenport::to_text(run.faults().to_json());
        }
        return written;
    }
    void prepare(Resource resource, std::string_view text) {
        must(import(resource, must(parse_json(text), "it is JSON").get_array()), "it is sound");
    }

    // The rows of a kind behind the first `skip`, as an export has them.
    std::string exported(Kind kind, std::size_t skip) {
        documents::AllDocsOptions range;
        range.start_id = chat::first_row_id(kind);
        range.end_id = chat::last_row_id(kind);
        const auto snapshot = must(database_->snapshot(), "rows can be read");
        const auto cursor = must(snapshot->all_docs(range), "rows can be read");
        std::string text = "[";
        while (const auto* row = must(cursor->next(), "rows can be read")) {
            if (skip > 0) {
                --skip;
                continue;
            }
            if (text.size() > 1) text += ",";
            must(chat::append_export(text, kind, row->body), "a row that was written is one");
        }
        return text + "]";
    }

    std::size_t documents() {
        const auto snapshot = must(database_->snapshot(), "documents can be read");
        const auto cursor = must(snapshot->all_docs({}), "documents can be read");
        std::size_t count = 0;
        while (must(cursor->next(), "documents can be read") != nullptr) ++count;
        return count;
    }

  private:
    StandingClock clock_;
    std::unique_ptr<documents::DocumentStore> store_ = documents::make_memory();
    std::shared_ptr<documents::Database> database_;
    std::unique_ptr<chat::Ledger> ledger_;
};

// What rooms and comments need.
std::size_t prepare(World& world, Resource resource) {
    if (resource == Resource::users) return 0;
    world.prepare(Resource::users, R"([{"Email":"a@x.io","Name":"A"},{"Email":"b@x.io","Name":"B"},
        {"Email":"c@x.io","Name":"C"}])");
    if (resource == Resource::rooms) return 0;
    world.prepare(Resource::rooms, R"([{"UniqueId":"group","Type":"group","Name":"All",
        "CreatorEmail":"a@x.io","ParticipantEmails":["a@x.io","b@x.io"]},
        {"UniqueId":"pair","Type":"single","CreatorEmail":"b@x.io",
        "ParticipantEmails":["b@x.io","a@x.io"]}])");
    world.prepare(Resource::comments, R"([{"UniqueId":"first","RoomUniqueId":"group",
        "CreatorEmail":"a@x.io","Message":"hello"}])");
    return 1;
}

// A member as it should come out; what is not there, and null, count as `absent`.
const json::value& member(const json::object& row, const char* name, const json::value& absent) {
    const json::value* found = row.if_contains(name);
    return found && !found->is_null() ? *found : absent;
}

void compare(Resource resource, const json::object& in, const json::object& out) {
    static const json::value none(""), list(json::array{}), no(false), null(nullptr), text("text");
    const auto same = [&](const char* name, const json::value& absent) {
        require(out.contains(name) && member(in, name, absent) == out.at(name),
                "an export has what the import had");
    };
    for (const char* name : {"AvatarUrl", "Email", "UniqueId", "CreatorEmail", "RoomUniqueId",
                             "Options", "Message", "ParentCommentUniqueId"})
        if (out.contains(name)) same(name, none);
    if (resource == Resource::users || out.contains("ParticipantEmails")) {
        if (text_or(in, "Type") != "single") same("Name", none);
    }
    if (resource == Resource::rooms) {
        same("Type", none);
        same("ParticipantEmails", list);
    }
    if (resource != Resource::comments) return;
    const json::value& type = member(in, "Type", text);
    require(out.at("Type") == (type == none ? text : type), "a comment keeps its type");
    same("DisableLinkPreview", no);
    same("Payload", null);
}

// A password's hash takes 50 ms on purpose.
void without_passwords(json::array& rows) {
    for (json::value& row : rows)
        if (json::object* object = row.if_object())
            if (json::value* password = object->if_contains("Password"))
                if (password->is_string()) *password = "";
}

}  // namespace

void run(std::string_view input) {
    const auto resource = chat::parse_resource(take_line(input));
    if (!resource) return;
    auto parsed = parse_json(input);
    if (!parsed || !parsed->is_array()) return;
    json::array& rows = parsed->get_array();
    without_passwords(rows);
    const Kind kind = chat::kind_of(*resource);

    World world;
    const std::size_t before = prepare(world, *resource);
    const std::size_t documents = world.documents();
    const auto written = world.import(*resource, rows);
    if (!written) {
        require(world.documents() == documents, "what is refused leaves nothing behind");
        return;
    }
    require(*written == rows.size(), "all rows are written");
    const std::string text = world.exported(kind, before);
    const auto exported = must(parse_json(text), "an export is JSON");
    require(exported.get_array().size() == rows.size(), "all rows are exported");
    for (std::size_t i = 0; i < rows.size(); ++i)
        compare(*resource, rows[i].get_object(), exported.get_array()[i].get_object());

    World elsewhere;
    prepare(elsewhere, *resource);
    must(elsewhere.import(*resource, exported.get_array()), "an export can be imported");
    require(must(parse_json(elsewhere.exported(kind, before)), "it is JSON") == exported,
            "and comes out again as it was");
}

}  // namespace davenport::fuzz
