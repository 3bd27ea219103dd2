#include "davenport/chat/exports.hpp"

#include "ledger.hpp"
#include "support/eventually.hpp"
#include "support/manual_clock.hpp"

#include <catch2/catch.hpp>

namespace davenport::chat {
namespace {

template <class T>
T must(Result<T> result) {
    if (!result) FAIL(result.error().message);
    return std::move(*result);
}
void must(Result<> result) {
    if (!result) FAIL(result.error().message);
}

constexpr std::int64_t hour_ms = 3'600'000;

// An application with one room, whose comments are posted at times that the test sets.
struct Shop {
    explicit Shop(ExportOptions given = {.zone = must(TimeZone::load("Asia/Jakarta"))})
        : options(std::move(given)) {
        runner->handle(std::string(Exports::job_kind), exports.behaviour());
        must(runner->start());
        for (const char* name : {"ann", "bob"}) {
            Login login;
            login.email = std::string(name) + "@example.com";
            login.username = name;
            must(chat.login_or_register(login));
        }
        room = must(chat.create_room("Garden", "ann@example.com", {"bob@example.com"})).id;
    }
    ~Shop() { runner->stop(std::chrono::seconds(5)); }

    void post_at(std::string_view time, const std::string& unique_id, std::string type = "text",
                 std::string payload = "null") {
        clock.advance(must(parse_rfc3339(time)) - clock.now_ms());
        Post post;
        post.sender_email = "ann@example.com";
        post.room = room;
        post.message = unique_id;
        post.unique_id = unique_id;
        post.type = std::move(type);
        post.payload = std::move(payload);
        must(chat.post(post));
    }

    Transfer ended(const ExportRequest& request) {
        static int count = 0;
        const std::string id = fmt::format("export-{}", ++count);
        must(exports.start(application, request, id));
        Transfer transfer;
        test::eventually([&] {
            transfer = must(exports.get(application, id));
            return transfer.status != Transfer::Status::started;
        });
        return transfer;
    }

    // The unique ids of the exported comments.
    std::vector<std::string> exported(std::optional<std::string> start,
                                      std::optional<std::string> end) {
        const Transfer transfer = ended({Resource::comments, std::move(start), std::move(end)});
        INFO(transfer.error);
        REQUIRE(transfer.status == Transfer::Status::finished);
        std::vector<std::string> ids;
        for (const json::value& row : rows(transfer))
            ids.push_back(text_or(row.as_object(), "UniqueId"));
        CHECK(transfer.rows == ids.size());
        return ids;
    }

    json::array rows(const Transfer& transfer) {
        const auto text =
            must(blobs::read_all(*files, fmt::format("app-shop/{}.json", transfer.id), 1 << 20));
        CHECK(transfer.size == text.size());
        return must(parse_json(text)).as_array();
    }

    test::ManualClock clock;
    SystemClock real_clock;
    std::unique_ptr<documents::DocumentStore> store = documents::make_memory();
    std::shared_ptr<documents::Database> control = must(store->open_or_create("control"));
    std::unique_ptr<blobs::BlobStore> files = blobs::make_memory();
    std::unique_ptr<Applications> applications =
        must(Applications::open(control, *store, clock, 0));
    Application application = must(applications->create("shop", "")).application;
    Ledgers ledgers{*store, clock};
    Chat chat{application, must(ledgers.of(application)), clock};
    std::unique_ptr<Transfers> transfers = must(Transfers::open(control));
    std::unique_ptr<jobs::Runner> runner = must(jobs::Runner::create(control, real_clock));
    ExportOptions options;
    Exports exports{*files, *transfers, *runner, *applications, ledgers, clock, options};
    std::uint64_t room = 0;
};

using Ids = std::vector<std::string>;

TEST_CASE("an export takes whole days of its zone, both inclusive") {
    Shop shop;
    // Midnight in Jakarta is 17:00 of the day before in UTC.
    shop.post_at("2026-03-01T16:59:59Z", "last second of the 1st");
    shop.post_at("2026-03-01T17:00:00Z", "first second of the 2nd");
    shop.post_at("2026-03-03T16:59:59Z", "last second of the 3rd");
    shop.post_at("2026-03-03T17:00:00Z", "first second of the 4th");
    CHECK(shop.exported("2026-03-02", "2026-03-03") ==
          Ids{"first second of the 2nd", "last second of the 3rd"});
    CHECK(shop.exported("2026-03-01", "2026-03-01") == Ids{"last second of the 1st"});
    CHECK(shop.exported("2026-03-02", "2026-03-02") == Ids{"first second of the 2nd"});
    CHECK(shop.exported("2026-03-05", "2026-03-05").empty());
}

TEST_CASE("without dates an export goes as far back as the limit of days allows") {
    Shop shop;
    shop.post_at("2026-02-28T16:59:59Z", "30 days before");  // 28 February in Jakarta
    shop.post_at("2026-02-28T17:00:00Z", "29 days before");  // 1 March
    shop.post_at("2026-03-30T01:00:00Z", "today");
    CHECK(shop.exported({}, {}) == Ids{"29 days before", "today"});
    CHECK(shop.exported({}, "2026-03-29") == Ids{"30 days before", "29 days before"});

    ExportOptions unlimited{.zone = must(TimeZone::load("UTC"))};
    unlimited.max_days = 0;
    Shop large(unlimited);
    large.post_at("1971-01-01T00:00:00Z", "long ago");
    large.post_at("2026-03-30T01:00:00Z", "today");
    CHECK(large.exported({}, {}) == Ids{"long ago", "today"});
    CHECK(large.exported("1970-01-01", "2026-03-30").size() == 2);
}

TEST_CASE("dates that no export can have are refused at once") {
    Shop shop;
    const auto fault = [&](std::optional<std::string> start, std::optional<std::string> end) {
        const auto checked =
            shop.exports.check({Resource::users, std::move(start), std::move(end)});
        REQUIRE(!checked);
        CHECK(checked.error().code == ErrorCode::invalid_argument);
        return checked.error().message;
    };
    CHECK(fault("2026-02-29", {}).starts_with("start_date: "));
    CHECK(fault({}, "2026-13-01").starts_with("end_date: "));
    CHECK(fault("2026-03-02", "2026-03-01") == "end_date: it is before start_date");
    CHECK(fault("2026-03-01", "2026-03-31").find("31 days") != std::string::npos);
    must(shop.exports.check({Resource::users, "2026-03-01", "2026-03-30"}));
}

TEST_CASE("more rows than the limit is a failed export that says how many") {
    ExportOptions options{.zone = must(TimeZone::load("UTC"))};
    options.max_comments = 3;
    Shop shop(options);
    for (int i = 1; i <= 3; ++i) shop.post_at("2026-03-01T10:00:00Z", fmt::format("{}", i));
    CHECK(shop.exported("2026-03-01", "2026-03-01").size() == 3);
    shop.post_at("2026-03-01T11:00:00Z", "one more");
    shop.post_at("2026-03-02T10:00:00Z", "another day");
    const Transfer failed = shop.ended({Resource::comments, "2026-03-01", "2026-03-01"});
    CHECK(failed.status == Transfer::Status::failed);
    CHECK(failed.error.find("there are 4 comments") != std::string::npos);
    CHECK(failed.error.find("limit of 3") != std::string::npos);
    CHECK(must(shop.files->list("")).size() == 1);  // of the first one
}

TEST_CASE("who left a room is not in the file") {
    Shop shop;
    must(shop.chat.remove_participants(shop.room, {"bob@example.com"}));
    const json::array rows = shop.rows(shop.ended({Resource::rooms, {}, {}}));
    REQUIRE(rows.size() == 1);
    CHECK(rows[0].at("ParticipantEmails") == json::array{"ann@example.com"});
}

TEST_CASE("a deleted export ends, and leaves no file") {
    Shop shop;
    shop.post_at("2026-03-01T10:00:00Z", "a");
    const Transfer transfer = shop.ended({Resource::comments, {}, {}});
    must(shop.exports.remove(shop.application, transfer.id));
    CHECK(must(shop.files->list("")).empty());
    CHECK(shop.exports.get(shop.application, transfer.id).error().code == ErrorCode::not_found);

    // Deleted before its job comes to it.
    must(shop.exports.start(shop.application, {Resource::comments, {}, {}}, "quick"));
    must(shop.exports.remove(shop.application, "quick"));
    test::eventually([&] { return must(shop.runner->get("quick")).ended(); });
    CHECK(must(shop.files->list("")).empty());
}

TEST_CASE("a sweep takes files whose export is gone, and no other") {
    Shop shop;
    const Transfer transfer = shop.ended({Resource::users, {}, {}});
    must(blobs::write_all(*shop.files, "app-shop/forgotten.json", "[]"));
    must(blobs::write_all(*shop.files, "app-other/forgotten.json", "[]"));
    must(shop.exports.sweep());
    const auto files = must(shop.files->list(""));
    REQUIRE(files.size() == 1);
    CHECK(files[0].name == fmt::format("app-shop/{}.json", transfer.id));
}

TEST_CASE("a link works until it expires, for its export alone") {
    Shop shop;
    const Transfer transfer = shop.ended({Resource::users, {}, {}});
    const Transfer other = shop.ended({Resource::users, {}, {}});
    const std::string link = shop.exports.sign(shop.application, transfer);
    const std::string expires = link.substr(link.find("expires=") + 8, 10);
    const std::string signature = link.substr(link.find("signature=") + 10);
    const auto open = [&](const std::string& id, const std::string& until) {
        return shop.exports.file_of_link(id, "shop", until, signature);
    };
    CHECK(must(open(transfer.id, expires)).name == transfer.original_filename);
    CHECK(open(other.id, expires).error().code == ErrorCode::forbidden);
    CHECK(open(transfer.id, "9" + expires).error().code == ErrorCode::forbidden);
    CHECK(open(transfer.id, "").error().code == ErrorCode::forbidden);
    shop.clock.advance(24 * hour_ms - 1000);
    must(open(transfer.id, expires));
    shop.clock.advance(1000);
    CHECK(open(transfer.id, expires).error().code == ErrorCode::forbidden);
}

}  // namespace
}  // namespace davenport::chat
