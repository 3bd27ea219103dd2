#include "import_fixture.hpp"

#include <atomic>

// What crashes, dead databases and other writers do to an import.
using namespace davenport;
using namespace davenport::chat;
using namespace davenport::chat::test;

namespace {

Error dead() {
    return {ErrorCode::io, "the disk is gone", {}};
}

// From its nth write on, the database of the application is gone.
Disturb dies_at(int nth) {
    return [left = std::make_shared<std::atomic<int>>(nth)](
               const std::string& database,
               std::span<const documents::DocumentWrite>) -> std::optional<Error> {
        if (database != "chat_one" || --*left > 0) return std::nullopt;
        return dead();
    };
}

// The record's end can't be written.
std::optional<Error> refuse_ends(const std::string& database,
                                 std::span<const documents::DocumentWrite> documents) {
    if (database == "control")
        for (const auto& document : documents)
            if (document.body.find(R"("status":"fin)") != std::string_view::npos) return dead();
    return std::nullopt;
}

void check_whole(Process& process, const Transfer& transfer, std::uint64_t rows) {
    INFO(transfer.error);
    CHECK(transfer.status == Transfer::Status::finished);
    CHECK(transfer.rows == rows);
    CHECK(process.rows(Kind::comment) == rows);
    const std::uint64_t last = require(process.ledger().last_number(Kind::comment));
    const std::uint64_t first = last - rows + 1;
    CHECK(process.holder(Kind::comment, comment_claim("m0")) == first);
    CHECK(process.holder(Kind::comment, comment_claim(fmt::format("m{}", rows - 1))) == last);
}

void check_none(Process& process, const Transfer& transfer, std::uint64_t documents) {
    CHECK(transfer.status == Transfer::Status::failed);
    CHECK_FALSE(transfer.error.empty());
    CHECK(process.rows(Kind::comment) == 0);
    // Claims whose row never came may be left, and hold nobody up.
    CHECK(process.documents() <= documents + 500);
    CHECK_FALSE(process.holder(Kind::comment, comment_claim("m0")));
}

}  // namespace

TEST_CASE("a crash between the rows and the record") {
    const auto engine =
        GENERATE(Engine::memory, Engine::memory_in_steps, Engine::embedded, Engine::couchdb);
    INFO(name_of(engine));
    const bool gives_up = GENERATE(false, true);
    Disk disk(engine);
    {
        Process process(disk);
        prepare(process);
    }
    Process process(disk);
    const Transfer begun = process.start(Resource::comments, many_comments(30));
    disk.disturb(refuse_ends);
    CHECK_FALSE(process.attempt(begun.id));
    CHECK(process.get(begun.id).status == Transfer::Status::started);
    CHECK(process.rows(Kind::comment) == 30);
    disk.disturb({});
    Process next(disk);
    if (gives_up)
        require(next.give_up(begun.id));
    else
        require(next.attempt(begun.id));
    check_whole(next, next.get(begun.id), 30);
}

TEST_CASE("a crash between any two writes of many rows") {
    const int dies = GENERATE(1, 2, 3, 4, 5, 6, 7);
    INFO("at write " << dies);
    Disk disk(Engine::memory_in_steps);
    std::uint64_t documents = 0;
    {
        Process process(disk);
        prepare(process);
        documents = process.documents();
    }
    constexpr std::uint64_t rows = 1'200;
    Process process(disk);
    const Transfer begun = process.start(Resource::comments, many_comments(rows));
    disk.disturb(dies_at(dies));
    const bool done = process.attempt(begun.id).has_value();
    CHECK(done == (dies == 7));
    disk.disturb({});

    SECTION("the next attempt starts anew") {
        Process next(disk);
        require(next.attempt(begun.id));
        check_whole(next, next.get(begun.id), rows);
        CHECK(next.documents() == documents + 2 * rows);
        jobs::Job job = require(next.runner->get(begun.id));
        job.state = jobs::State::succeeded;
        require(next.imports->behaviour().ended(job));
        CHECK(require(disk.files().list("")).empty());
    }
    SECTION("nobody tries again") {
        Process next(disk);
        require(next.give_up(begun.id));
        if (done)
            check_whole(next, next.get(begun.id), rows);
        else
            check_none(next, next.get(begun.id), documents);
        CHECK(require(disk.files().list("")).empty());
    }
    SECTION("nobody tries again, and the file is elsewhere") {
        require(disk.files().remove(begun.id + ".json"));
        Process next(disk);
        const auto attempt = next.attempt(begun.id);
        CHECK(attempt.has_value() == done);
        require(next.give_up(begun.id));
        if (done)
            check_whole(next, next.get(begun.id), rows);
        else
            check_none(next, next.get(begun.id), documents);
    }
}

TEST_CASE("the end of an import waits for a dead database") {
    Disk disk(Engine::memory_in_steps);
    {
        Process process(disk);
        prepare(process);
    }
    Process other(disk);
    const Transfer begun = other.start(Resource::comments, many_comments(1'200));
    disk.disturb(dies_at(3));
    CHECK_FALSE(other.attempt(begun.id));
    CHECK_FALSE(other.give_up(begun.id));
    CHECK(other.get(begun.id).status == Transfer::Status::started);
    CHECK(require(disk.files().list("")).size() == 1);
    disk.disturb({});
}

TEST_CASE("who writes meanwhile, in another process, is not in the way") {
    Disk disk(Engine::memory_in_steps);
    Process process(disk), other(disk);
    prepare(process);
    std::atomic<int> seen{0};
    const auto room = other.holder(Kind::room, room_claim("group"));
    std::vector<std::uint64_t> posted;
    std::atomic<bool> posting{false};
    disk.disturb([&](const std::string& database,
                     std::span<const documents::DocumentWrite> writes) -> std::optional<Error> {
        // After each step of the import.
        if (database != "chat_one" || writes.size() < 100 || posting || ++seen % 2 != 1 ||
            seen == 1)
            return std::nullopt;
        posting = true;
        Post post;
        post.sender_email = "a@x.io";
        post.room = room;
        post.message = "hello";
        Chat chat(other.application, require(other.ledgers->of(other.application)), other.clock);
        posted.push_back(require(chat.post(post)).comment.id);
        posting = false;
        return std::nullopt;
    });
    const Transfer ended = process.import(Resource::comments, many_comments(1'200));
    INFO(ended.error);
    CHECK(ended.status == Transfer::Status::finished);
    CHECK(posted == std::vector<std::uint64_t>{1'201, 1'202});
    CHECK(process.holder(Kind::comment, comment_claim("m1199")) == 1'200);
    CHECK(process.rows(Kind::comment) == 1'202);
}

TEST_CASE("what the check saw changes before the rows are written") {
    const auto engine = GENERATE(Engine::memory, Engine::memory_in_steps);
    INFO(name_of(engine));
    Disk disk(engine);
    Process process(disk), other(disk);
    prepare(process);
    std::atomic<bool> done{false};
    const auto when_noted = [&](const std::function<void()>& act) {
        done = false;
        disk.disturb([&done, act](
                         const std::string& database,
                         std::span<const documents::DocumentWrite> writes) -> std::optional<Error> {
            const bool noted =
                database == "control" && writes[0].body.find("\"mark\"") != std::string_view::npos;
            if (noted && !done.exchange(true)) act();
            return std::nullopt;
        });
    };
    Chat chat(other.application, require(other.ledgers->of(other.application)), other.clock);

    // The pair has a room now: the imported one is a further one.
    when_noted([&] { require(chat.get_or_create_room({"a@x.io", "c@x.io"}, {})); });
    const Transfer rooms = process.import(
        Resource::rooms, R"([{"UniqueId":"late","Type":"single","CreatorEmail":"a@x.io",)"
                         R"("ParticipantEmails":["a@x.io","c@x.io"]}])");
    INFO(rooms.error);
    CHECK(rooms.status == Transfer::Status::finished);
    CHECK(process.rows(Kind::room) == 4);
    const auto first = process.holder(Kind::room, pair_claim("a@x.io", "c@x.io"));
    CHECK(first != process.holder(Kind::room, room_claim("late")));

    // Somebody registers with an address of the file.
    when_noted([&] {
        Login login;
        login.email = "new@x.io";
        login.username = "New";
        require(chat.login_or_register(login));
    });
    const Transfer users = process.import(
        Resource::users,
        R"([{"Email":"other@x.io","Name":"O"},{"Email":"new@x.io","Name":"N","Password":"p"}])");
    CHECK(users.error == "row 2, Email: a user \"new@x.io\" exists already (1 row is faulty)");
    CHECK_FALSE(process.holder(Kind::user, email_claim("other@x.io")));
    disk.disturb({});
}

TEST_CASE("an application that goes, or comes anew, ends its imports") {
    Disk disk(Engine::memory);
    Process process(disk);
    const Transfer begun = process.start(Resource::users, R"([{"Email":"z@x.io","Name":"Z"}])");
    require(process.imports->remove_all(process.application));
    require(process.applications->remove("one"));
    process.ledgers->forget("one");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
    SECTION("it is gone") {}
    SECTION("another one has its name") {
        process.application = require(process.applications->create("one", "")).application;
    }
    CHECK_FALSE(process.attempt(begun.id));
    require(process.give_up(begun.id));
    CHECK(require(disk.files().list("")).empty());
    CHECK(require(process.imports->list(process.application, 1)).empty());
    if (require(process.applications->list()).size() == 1) CHECK(process.rows(Kind::user) == 0);
}

TEST_CASE("files whose import never came or has ended are swept") {
    Disk disk(Engine::memory);
    Process process(disk);
    const Transfer waiting = process.start(Resource::users, "[]");
    require(blobs::write_all(disk.files(), "stray.json", "[]"));
    require(process.imports->sweep());
    // It may be about to be accepted.
    CHECK(require(disk.files().list("")).size() == 2);
    require(process.give_up(waiting.id));
    CHECK(require(disk.files().list("")).size() == 1);
}
