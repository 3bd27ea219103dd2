#include "import_fixture.hpp"
#include "import_run.hpp"

// Every rule of an import, broken in the first, a middle and the last row.
using namespace davenport;
using namespace davenport::chat;
using namespace davenport::chat::test;

namespace {

struct Broken {
    std::string field;
    std::string value;     // JSON text; empty = the field is missing
    std::string says;      // a part of the message
    std::string row = {};  // of the base row: further members to change
};

const std::string long_text(70'000, 'x');

std::string quoted(const std::string& text) {
    std::string out;
    append_quoted(out, text);
    return out;
}

const std::vector<Broken> broken_users = {
    {"Email", "", "it is missing"},
    {"Email", "null", "it is missing"},
    {"Email", "\"\"", "it is missing"},
    {"Email", "17", "it must be a text, not a number"},
    {"Email", "\"nobody\"", "is no e-mail address"},
    {"Email", "\"a b@x.io\"", "is no e-mail address"},
    {"Email", "\"a@b@x.io\"", "is no e-mail address"},
    {"Email", quoted(std::string(400, 'a') + "@x.io"), "longer than"},
    {"Email", "\"a@x.io\"", "exists already"},
    {"Email", "\"twin@x.io\"", "already"},
    {"Name", "", "it is missing"},
    {"Name", "\"\"", "it is missing"},
    {"Name", "{}", "it must be a text, not an object"},
    {"Name", "\"a\\nb\"", "control character"},
    {"Name", quoted(long_text), "longer than"},
    {"AvatarUrl", "\"ftp://x.io/a.png\"", "no http or https URL"},
    {"AvatarUrl", "false", "it must be a text, not true or false"},
    {"AuthenticationToken", "\"token of b\"", "exists already"},
    {"AuthenticationToken", "\"twin\"", "already"},
    {"AuthenticationToken", "1e999", "it must be a text, not a number"},
    {"Password", "[]", "it must be a text, not a list"},
    {"Password", quoted(long_text), "longer than"},
    {"CreateAt", "\"2017-02-30T11:46:30Z\"", "is no time"},
    {"CreateAt", "\"yesterday\"", "is no time"},
    {"CreateAt", "1494416790", "it must be a text, not a number"},
    {"CreatedAt", "\"2017-05-10\"", "is no time"},
};

const std::vector<Broken> broken_rooms = {
    {"UniqueId", "", "it is missing"},
    {"UniqueId", "\"\"", "it is missing"},
    {"UniqueId", "5", "it must be a text"},
    {"UniqueId", "\"a\\u0000b\"", "NUL"},
    {"UniqueId", quoted(long_text), "longer than"},
    {"UniqueId", "\"group\"", "exists already"},
    {"UniqueId", "\"twin\"", "already"},
    {"Type", "", "it is missing"},
    {"Type", "\"channel\"", "\"single\" or \"group\""},
    {"Type", "true", "it must be a text"},
    {"Name", "", "it is missing"},
    {"Name", "\"\"", "it is missing"},
    {"Name", "7", "it must be a text"},
    {"Options", "{}", "it must be a text, not an object"},
    {"CreatorEmail", "", "it is missing"},
    {"CreatorEmail", "\"stranger@x.io\"", "there is no user"},
    {"CreatorEmail", "\"none\"", "is no e-mail address"},
    {"ParticipantEmails", "", "it is missing"},
    {"ParticipantEmails", "\"a@x.io\"", "it must be a list of texts, not a text"},
    {"ParticipantEmails", "[\"a@x.io\",5]", "it must be a list of texts, not a number"},
    {"ParticipantEmails", "[\"a@x.io\",\"stranger@x.io\"]", "there is no user \"stranger@x.io\""},
    {"ParticipantEmails", "[\"a@x.io\",\"a@x.io\"]", "stands twice"},
    {"ParticipantEmails", "[\"a@x.io\",\"\"]", "empty text"},
    {"ParticipantEmails", "[\"a@x.io\"]", "exactly 2 participants, not 1", R"("Type":"single")"},
    {"ParticipantEmails", "[\"a@x.io\",\"b@x.io\",\"c@x.io\"]", "exactly 2 participants, not 3",
     R"("Type":"single")"},
    {"ParticipantEmails", "[\"c@x.io\",\"b@x.io\"]", "must be its creator", R"("Type":"single")"},
    {"AvatarUrl", "\"http://x.io/a.png\"", "no https URL"},
    {"AvatarUrl", "\"javascript:1\"", "no http or https URL"},
    {"CreatedAt", "\"2017-13-01T00:00:00Z\"", "is no time"},
};

const std::string good_reply =
    R"("Type":"reply","Payload":{"text":"hello","replied_comment_id":1})";
const std::string reply_to_old = R"("Type":"reply","ParentCommentUniqueId":"old")";

const std::vector<Broken> broken_comments = {
    {"UniqueId", "", "it is missing"},
    {"UniqueId", "{}", "it must be a text"},
    {"UniqueId", "\"old\"", "exists already"},
    {"UniqueId", "\"twin\"", "already"},
    {"RoomUniqueId", "", "it is missing"},
    {"RoomUniqueId", "\"nowhere\"", "there is no room"},
    {"RoomUniqueId", "[1]", "it must be a text"},
    {"CreatorEmail", "", "it is missing"},
    {"CreatorEmail", "\"stranger@x.io\"", "there is no user"},
    {"Message", "", "it is missing"},
    {"Message", "\"\"", "it is missing"},
    {"Message", "12345678901234567890123456789", "it must be a text, not a number"},
    {"Message", quoted(long_text), "longer than"},
    {"Type", "\"Text\"", "it must be of a-z"},
    {"Type", "3", "it must be a text"},
    {"DisableLinkPreview", "\"true\"", "it must be true or false"},
    {"DisableLinkPreview", "1", "it must be true or false"},
    {"Payload", "\"{}\"", "it must be an object or null, not a text"},
    {"Payload", "[]", "it must be an object or null"},
    {"Payload", R"({"n":1e999})", "too large"},
    {"ParentCommentUniqueId", "\"old\"", "only a reply"},
    {"CreatedAt", "\"2017-05-11 19:14:24\"", "is no time"},
    {"ParentCommentUniqueId", "", "a reply needs it", good_reply},
    {"ParentCommentUniqueId", "\"nothing\"", "there is no comment", good_reply},
    {"ParentCommentUniqueId", "\"in pair\"", "another room", good_reply},
    {"ParentCommentUniqueId", "\"self\"", "the comment itself",
     good_reply + R"(,"UniqueId":"self")"},
    {"Payload", "null", "a reply needs it", reply_to_old},
    {"Payload", R"({"replied_comment_id":1})", "the same as Message", reply_to_old},
    {"Payload", R"({"text":"other","replied_comment_id":1})", "the same as Message", reply_to_old},
    {"Payload", R"({"text":"hello"})", "must be the number 1", reply_to_old},
    {"Payload", R"({"text":"hello","replied_comment_id":2})", "must be the number 1", reply_to_old},
    {"Payload", R"({"text":"hello","replied_comment_id":"1"})", "must be the number 1",
     reply_to_old},
    {"Payload", R"({"text":"hello","replied_comment_id":1.0})", "must be the number 1",
     reply_to_old},
    {"Payload", R"({"text":"hello","replied_comment_id":true})", "must be the number 1",
     reply_to_old},
};

json::object good_row(Resource resource, std::size_t i) {
    const auto row = [&]() -> std::string {
        switch (resource) {
            case Resource::users:
                return fmt::format(R"({{"Email":"new{0}@x.io","Name":"N{0}"}})", i);
            case Resource::rooms:
                return fmt::format(R"({{"UniqueId":"new{}","Type":"group","Name":"N",)"
                                   R"("CreatorEmail":"a@x.io","ParticipantEmails":["a@x.io"]}})",
                                   i);
            case Resource::comments:
                break;
        }
        return comment(fmt::format("new{}", i));
    }();
    return require(parse_json_object(row));
}

void change(json::object& row, const Broken& broken) {
    if (!broken.row.empty())
        for (auto& member : require(parse_json_object("{" + broken.row + "}")))
            row[member.key()] = member.value();
    if (broken.value.empty())
        row.erase(broken.field);
    else
        row[broken.field] = require(parse_json(broken.value));
}

void check_all(Process& process, Resource resource, const std::vector<Broken>& all) {
    const Kind kind = kind_of(resource);
    const std::uint64_t before = process.documents();
    for (const Broken& broken : all) {
        for (const std::size_t at : {0, 2, 4}) {
            INFO(broken.field << " = " << broken.value.substr(0, 60) << " in row " << at + 1);
            json::array rows;
            for (std::size_t i = 0; i < 5; ++i) {
                rows.push_back(good_row(resource, i));
                if (i == at) change(rows[i].get_object(), broken);
            }
            // Of what must be unique in the file, another row brings the first.
            std::size_t blamed = at;
            if (broken.value.find("twin") != std::string::npos) {
                const std::size_t other = at == 0 ? 4 : 0;
                rows[other].get_object()[broken.field] = require(parse_json(broken.value));
                blamed = std::max(at, other);
            }
            ImportRun run(resource, rows, process.ledger(), process.clock);
            const auto result = run.run([](auto, auto) { return Result<>(); },
                                        [](const auto&) { return Result<>(); });
            REQUIRE_FALSE(result);
            CHECK(result.error().code == ErrorCode::invalid_argument);
            CHECK(run.faults().count() == 1);
            const json::array faults = run.faults().to_json();
            REQUIRE(faults.size() == 1);
            const json::object& fault = faults[0].get_object();
            CHECK(integer_member(fault, "position") == blamed + 1);
            CHECK(text_or(fault, "field") == broken.field);
            CHECK(text_or(fault, "message").find(broken.says) != std::string::npos);
            CHECK(result.error().message == fmt::format("row {}, {}: {} (1 row is faulty)",
                                                        blamed + 1, broken.field,
                                                        text_or(fault, "message")));
            if (!result && run.faults().count() == 1) continue;
            FAIL("see above: " << text_or(fault, "message"));
        }
    }
    CHECK(process.documents() == before);
    CHECK(require(process.ledger().last_number(kind)) == process.rows(kind));
}

}  // namespace

TEST_CASE("every rule of users, broken") {
    Disk disk(Engine::memory);
    Process process(disk);
    prepare(process);
    check_all(process, Resource::users, broken_users);
}

TEST_CASE("every rule of rooms, broken") {
    Disk disk(Engine::memory);
    Process process(disk);
    prepare(process);
    check_all(process, Resource::rooms, broken_rooms);
}

TEST_CASE("every rule of comments, broken") {
    Disk disk(Engine::memory);
    Process process(disk);
    prepare(process);
    const std::string in_pair = R"({"UniqueId":"in pair","RoomUniqueId":"pair",)"
                                R"("CreatorEmail":"a@x.io","Message":"x"})";
    REQUIRE(process.import(Resource::comments, "[" + comment("old") + "," + in_pair + "]").status ==
            Transfer::Status::finished);
    check_all(process, Resource::comments, broken_comments);
}

TEST_CASE("what is broken and what is taken is told together") {
    Disk disk(Engine::memory);
    Process process(disk);
    prepare(process);
    const Transfer ended = process.import(
        Resource::users, R"([{"Email":"nobody","Name":"N"},{"Email":"a@x.io","Name":"A"}])");
    CHECK(ended.status == Transfer::Status::failed);
    INFO(ended.error);
    CHECK(ended.error.find("(2 rows are faulty)") != std::string::npos);
}

TEST_CASE("a reply's parent must come before it, in its own room") {
    Disk disk(Engine::memory);
    Process process(disk);
    prepare(process);
    const std::string to_late = R"(,"Type":"reply","ParentCommentUniqueId":"late",)"
                                R"("Payload":{"text":"hello","replied_comment_id":1})";
    const Transfer later = process.import(
        Resource::comments, "[" + comment("r", to_late) + "," + comment("late") + "]");
    CHECK(later.error ==
          "row 1, ParentCommentUniqueId: \"late\" stands later in the file (row 2); it must come "
          "before its replies (1 row is faulty)");
    const std::string elsewhere = R"({"UniqueId":"late","RoomUniqueId":"pair",)"
                                  R"("CreatorEmail":"a@x.io","Message":"x"})";
    const Transfer apart =
        process.import(Resource::comments, "[" + elsewhere + "," + comment("r", to_late) + "]");
    CHECK(apart.error ==
          "row 2, ParentCommentUniqueId: \"late\" is in another room (1 row is faulty)");
    CHECK(process.rows(Kind::comment) == 0);
}

TEST_CASE("rows that are no objects, and files that hold no rows") {
    Disk disk(Engine::memory);
    Process process(disk);
    prepare(process);
    const auto says = [&](const std::string& text) {
        const Transfer ended = process.import(Resource::comments, text);
        CHECK(ended.status == Transfer::Status::failed);
        return ended.error;
    };
    for (const std::string value : {"17", "null", "\"x\"", "[]", "true"}) {
        for (const std::size_t at : {0, 1, 2}) {
            std::string text = "[";
            for (std::size_t i = 0; i < 3; ++i)
                text += (i == 0 ? "" : ",") + (i == at ? value : comment(fmt::format("c{}", i)));
            const std::string said = says(text + "]");
            INFO(said);
            CHECK(said.starts_with(fmt::format("row {}: it must be an object, not ", at + 1)));
        }
    }
    CHECK(says("{}") == "the file must hold a list of objects, not an object");
    CHECK(says("17") == "the file must hold a list of objects, not a number");
    CHECK(says("").find("malformed JSON at byte 0") == 0);
    CHECK(says("[{\"a\":1},]").find("malformed JSON at byte 9") == 0);
    CHECK(says("[] []").find("malformed JSON at byte") == 0);
    CHECK(says("[{\"a\":\"\xff\"}]").find("malformed JSON at byte") == 0);
    CHECK(says("[{\"a\":\"\\ud800\"}]").find("malformed JSON at byte") == 0);
    CHECK(says("[{\"a\":1,\"a\":2}]").find("stands twice") != std::string::npos);
    CHECK(says(std::string(100'000, '[')).find("malformed JSON at byte") == 0);
    CHECK(says("[" + comment("d", ",\"Payload\":" + std::string(100, '[') + std::string(100, ']')) +
               "]")
              .find("malformed JSON at byte") == 0);
    CHECK(process.rows(Kind::comment) == 0);

    const Transfer empty = process.import(Resource::comments, "[]");
    CHECK(empty.status == Transfer::Status::finished);
    CHECK(empty.rows == 0);
}

TEST_CASE("all faulty rows are counted, the first hundred are told, without secrets") {
    Disk disk(Engine::memory);
    Process process(disk);
    std::string text = R"([{"Email":"good@x.io","Name":"G"})";
    for (int i = 0; i < 250; ++i)
        text += fmt::format(R"(,{{"Email":"bad{}","Name":"{}","Password":"hidden word",)"
                            R"("AuthenticationToken":"hidden word {}","password":"hidden word"}})",
                            i, std::string(1'000, 'n'), i);
    const Transfer ended = process.import(Resource::users, text + "]");
    CHECK(ended.status == Transfer::Status::failed);
    CHECK(ended.error == "row 2, Email: \"bad0\" is no e-mail address (250 rows are faulty)");
    const json::array* faults = array_member(ended.details, "faults");
    REQUIRE(faults);
    CHECK(faults->size() == max_import_faults);
    CHECK(integer_member(faults->back().get_object(), "position") == 101);
    const std::string told = davenport::to_text(ended.details);
    CHECK(told.find("hidden") == std::string::npos);
    CHECK(told.size() < 100'000);
    const auto job = require(process.runner->get(ended.id));
    CHECK((job.error.message + job.error.detail).find("hidden") == std::string::npos);
}
