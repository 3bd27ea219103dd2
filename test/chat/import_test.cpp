#include "davenport/base/encoding.hpp"
#include "davenport/base/hash.hpp"
#include "davenport/chat/password.hpp"
#include "import_fixture.hpp"

using namespace davenport;
using namespace davenport::chat;
using namespace davenport::chat::test;

namespace {

Engine any_engine() {
    const auto engine =
        GENERATE(Engine::memory, Engine::memory_in_steps, Engine::embedded, Engine::couchdb);
    UNSCOPED_INFO(name_of(engine));
    return engine;
}

template <class Row, class Read>
Row row(Process& process, Kind kind, const std::string& claim, Read read) {
    const std::uint64_t number = process.holder(kind, claim);
    REQUIRE(number != 0);
    return require(read(require(process.ledger().get(kind, number))));
}

Comment comment_row(Process& process, const std::string& unique_id) {
    return row<Comment>(process, Kind::comment, comment_claim(unique_id), comment_of);
}

}  // namespace

TEST_CASE("users, rooms and comments as they are stored") {
    Disk disk(any_engine());
    Process process(disk);
    const Transfer users = process.import(Resource::users, two_users);
    INFO(users.error);
    REQUIRE(users.status == Transfer::Status::finished);
    CHECK(users.rows == 3);
    CHECK(users.size == two_users.size());
    CHECK(users.original_filename == "rows.json");
    CHECK(users.created_at.ends_with("+07:00"));
    const User b = row<User>(process, Kind::user, email_claim("b@x.io"), user_of);
    CHECK(b.id == 2);
    CHECK(b.name == "B");
    CHECK(b.avatar_url == "http://x.io/b.png");
    CHECK(b.created == 1'494'416'790);
    CHECK(proves("secret", b.password));
    CHECK(b.token_sha256 == to_hex(as_bytes(sha256("token of b"))));
    CHECK(process.holder(Kind::user, token_claim(b.token_sha256)) == 2);
    const User a = row<User>(process, Kind::user, email_claim("a@x.io"), user_of);
    CHECK(a.password.empty());
    CHECK(std::abs(a.created - process.clock.now_ms() / 1000) < 60);

    REQUIRE(process.import(Resource::rooms, two_rooms).status == Transfer::Status::finished);
    const Room group = row<Room>(process, Kind::room, room_claim("group"), room_of);
    CHECK(group.type == RoomType::group);
    CHECK(group.name == "All");
    CHECK(group.options == "{}");
    CHECK(group.avatar_url == "https://x.io/g.png");
    CHECK(group.created == 1'494'484'527);
    REQUIRE(group.participants.size() == 3);
    CHECK(group.participants[2].user == 3);
    CHECK(group.participants[2].email == "c@x.io");
    const Room pair = row<Room>(process, Kind::room, pair_claim("a@x.io", "b@x.io"), room_of);
    CHECK(pair.unique_id == "pair");
    CHECK(pair.name == "b@x.io a@x.io");
    CHECK(pair.creator == "b@x.io");

    const std::string reply = R"(,"Type":"reply","Payload":{"text":"hello","replied_comment_id":1,)"
                              R"("more":[1]},"ParentCommentUniqueId":)";
    const Transfer first = process.import(
        Resource::comments,
        "[" +
            comment("c1", R"(,"DisableLinkPreview":true,"Unknown":{"a":1},"CreatedAt":)"
                          R"("2017-05-11T19:14:24.9+07:00","Payload":null)") +
            "," + comment("c2", reply + "\"c1\"") + "," + comment("c3") + "," +
            comment("c4", reply + "\"c2\"") + "]");
    INFO(first.error);
    REQUIRE(first.status == Transfer::Status::finished);
    const Transfer second = process.import(
        Resource::comments,
        "[" + comment("d1", R"(,"Type":"system_event","Payload":{"type":"join_room"})") + "," +
            comment("d2", reply + "\"c3\"") + "," +
            R"({"UniqueId":"d3","RoomUniqueId":"pair","CreatorEmail":"c@x.io","Type":"card"})" +
            "]");
    INFO(second.error);
    REQUIRE(second.status == Transfer::Status::finished);
    CHECK(second.rows == 3);

    const Comment c1 = comment_row(process, "c1");
    CHECK(c1.id == 1);
    CHECK(c1.room == group.id);
    CHECK(c1.room_unique_id == "group");
    CHECK(c1.user == 1);
    CHECK(c1.disable_link_preview);
    CHECK(c1.created == 1'494'504'864);
    CHECK(c1.payload == "null");
    CHECK(c1.type == "text");
    const auto parent = [&](const std::string& unique_id) {
        const Comment child = comment_row(process, unique_id);
        const json::object payload = require(parse_json_object(child.payload));
        CHECK(text_or(payload, "text") == "hello");
        CHECK(array_member(payload, "more"));
        return std::pair(child.parent_unique_id,
                         integer_member(payload, "replied_comment_id").value_or(0));
    };
    CHECK(parent("c2") == std::pair(std::string("c1"), std::int64_t{1}));
    CHECK(parent("c4") == std::pair(std::string("c2"), std::int64_t{2}));
    CHECK(parent("d2") == std::pair(std::string("c3"), std::int64_t{3}));
    CHECK(comment_row(process, "d1").payload == R"({"type":"join_room"})");
    CHECK(comment_row(process, "d3").message.empty());
    CHECK(davenport::to_text(require(process.ledger().get(Kind::comment, 1))).find("Unknown") ==
          std::string::npos);
    CHECK(require(disk.files().list("")).empty());
}

TEST_CASE("all rows or none, and again after they were put right") {
    Disk disk(any_engine());
    Process process(disk);
    prepare(process);
    const std::uint64_t before = process.documents();
    const Transfer bad = process.import(
        Resource::comments, "[" + comment("c1") + "," + comment("c2", R"(,"Type":7)") + "]");
    CHECK(bad.status == Transfer::Status::failed);
    CHECK(bad.rows == 0);
    CHECK(process.documents() == before);
    const Transfer good =
        process.import(Resource::comments, "[" + comment("c1") + "," + comment("c2") + "]");
    CHECK(good.status == Transfer::Status::finished);
    const Transfer again =
        process.import(Resource::comments, "[" + comment("c0") + "," + comment("c2") + "]");
    CHECK(again.error == "row 2, UniqueId: a comment \"c2\" exists already (1 row is faulty)");
    CHECK(process.rows(Kind::comment) == 2);
    CHECK_FALSE(process.holder(Kind::comment, comment_claim("c0")));
}

TEST_CASE("a pair of users may have several single rooms; the first one keeps it") {
    Disk disk(any_engine());
    Process process(disk);
    prepare(process);
    const auto room = [](const std::string& unique_id, const std::string& one,
                         const std::string& other) {
        return fmt::format(R"({{"UniqueId":"{}","Type":"single","CreatorEmail":"{}",)"
                           R"("ParticipantEmails":["{}","{}"]}})",
                           unique_id, one, one, other);
    };
    const Transfer ended =
        process.import(Resource::rooms, "[" + room("r1", "a@x.io", "b@x.io") + "," +
                                            room("r2", "a@x.io", "c@x.io") + "," +
                                            room("r3", "c@x.io", "a@x.io") + "]");
    INFO(ended.error);
    REQUIRE(ended.status == Transfer::Status::finished);
    const auto holder = [&](const std::string& claim) {
        return row<Room>(process, Kind::room, claim, room_of).unique_id;
    };
    CHECK(holder(pair_claim("b@x.io", "a@x.io")) == "pair");
    CHECK(holder(pair_claim("a@x.io", "c@x.io")) == "r2");
    CHECK(holder(room_claim("r3")) == "r3");
}

TEST_CASE("two imports of the same rows at once: one finishes, the other names the rows") {
    Disk disk(any_engine());
    Process process(disk);
    prepare(process);
    for (int round = 0; round < 3; ++round) {
        const std::string text = many_comments(700, fmt::format("round{}-", round));
        const Transfer first = process.start(Resource::comments, text);
        const Transfer second = process.start(Resource::comments, text);
        const Transfer a = process.wait(first.id), b = process.wait(second.id);
        INFO(a.error << " / " << b.error);
        REQUIRE((a.status == Transfer::Status::finished) !=
                (b.status == Transfer::Status::finished));
        const Transfer& loser = a.status == Transfer::Status::finished ? b : a;
        // Where the rows of the other come step by step, it may have seen a part of them.
        CHECK(loser.error.find("exists already (") != std::string::npos);
        CHECK(process.rows(Kind::comment) == 700u * (round + 1));
    }
}

TEST_CASE("the same, by two processes") {
    Disk disk(any_engine());
    Process process(disk), other(disk);
    prepare(process);
    const std::string text = many_comments(700);
    require(other.runner->start());
    const Transfer first = process.start(Resource::comments, text);
    const Transfer second = other.start(Resource::comments, text);
    const Transfer a = process.wait(first.id), b = process.wait(second.id);
    INFO(a.error << " / " << b.error);
    CHECK((a.status == Transfer::Status::finished) != (b.status == Transfer::Status::finished));
    CHECK(process.rows(Kind::comment) == 700);
    CHECK(require(process.ledger().last_number(Kind::comment)) == 700);
}

TEST_CASE("imports are listed by application, newest first") {
    Disk disk(Engine::embedded);
    Process process(disk), other(disk, "two");
    std::vector<std::string> ids;
    for (int i = 0; i < 23; ++i) {
        ids.push_back(process.start(Resource::users, "[]").id);
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const auto page = [&](std::uint64_t number) {
        std::vector<std::string> listed;
        for (const Transfer& transfer : require(process.imports->list(process.application, number)))
            listed.push_back(transfer.id);
        return listed;
    };
    std::reverse(ids.begin(), ids.end());
    CHECK(page(1) == std::vector<std::string>(ids.begin(), ids.begin() + 20));
    CHECK(page(2) == std::vector<std::string>(ids.begin() + 20, ids.end()));
    CHECK(page(3).empty());
    CHECK(page(1'000'000'000'000'000'000).empty());
    CHECK(require(other.imports->list(other.application, 1)).empty());
    const auto foreign = other.imports->get(other.application, ids[0]);
    REQUIRE_FALSE(foreign);
    CHECK(foreign.error().code == ErrorCode::not_found);
    CHECK(process.imports->get(process.application, "../x").error().code == ErrorCode::not_found);
    require(process.imports->remove_all(process.application));
    CHECK(page(1).empty());
}

TEST_CASE("names of files are cut to something sane") {
    Disk disk(Engine::memory);
    Process process(disk);
    const auto name = [&](const std::string& given) {
        auto file = require(process.imports->new_file());
        require(file->append("[]"));
        return require(process.imports->start(process.application, Resource::users, given, *file))
            .original_filename;
    };
    CHECK(name("C:\\Users\\x\\rows.json") == "rows.json");
    CHECK(name("../../etc/passwd") == "passwd");
    CHECK(name("a\r\nb\x7f.json") == "ab.json");
    CHECK(name("") == "import.json");
    CHECK(name("dir/") == "import.json");
    CHECK(name(std::string(254, 'a') + "ä") == std::string(254, 'a'));
    CHECK(name("ünïcode.json") == "ünïcode.json");
}
