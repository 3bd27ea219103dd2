#include "davenport/chat/applications.hpp"
#include "davenport/chat/chat.hpp"

#include "fixture.hpp"
#include "support/forwarding_store.hpp"

namespace davenport::chat::test {
namespace {

// Databases that can't be dropped, for a while.
class Stubborn final : public davenport::test::WrappingStore {
  public:
    explicit Stubborn(documents::DocumentStore& inner)
        : WrappingStore(inner, [](auto database) { return database; }) {}
    Result<> drop(std::string_view name) override {
        if (stubborn) return fail(ErrorCode::io, "not now");
        return WrappingStore::drop(name);
    }
    bool stubborn = false;
};

struct Registry {
    explicit Registry(const std::string& engine) : place(engine), store(*place.store) {
        static_cast<void>(place.store->drop("control"));
        control = must(place.store->open_or_create("control"));
        applications = must(Applications::open(control, store, clock, 3));
    }
    ErrorCode refusal(const std::string& id, const std::string& secret,
                      const std::string& address = "192.0.2.1") {
        const auto application = applications->authenticate(id, secret, address);
        REQUIRE_FALSE(application);
        return application.error().code;
    }

    davenport::test::ManualClock clock;
    Place place;
    Stubborn store;
    std::shared_ptr<documents::Database> control;
    std::unique_ptr<Applications> applications;
};

}  // namespace

TEST_CASE("applications: a secret lets in, until it is replaced") {
    Registry r(GENERATE("memory", "embedded", "couchdb"));
    const auto created = must(r.applications->create("x", "https://example.com/hook"));
    CHECK(created.application.database() == "chat_x");
    CHECK(must(r.applications->authenticate("x", created.secret, "192.0.2.1")).webhook_url ==
          "https://example.com/hook");
    CHECK(r.applications->create("x", "").error().code == ErrorCode::already_exists);
    CHECK(must(r.applications->authenticate("x", created.secret, "192.0.2.1")).id == "x");

    // Nothing of the secret is stored.
    const auto stored = must(r.control->get("chat_app/x"));
    CHECK(stored.body.find(created.secret) == std::string::npos);

    // Another instance knows it within a second.
    const auto other = must(Applications::open(r.control, r.store, r.clock, 3));
    must(other->authenticate("x", created.secret, "192.0.2.1"));
    const std::string secret = must(r.applications->rotate_secret("x"));
    CHECK(r.refusal("x", created.secret) == ErrorCode::unauthorized);
    r.clock.advance(1'000);
    CHECK_FALSE(other->authenticate("x", created.secret, "192.0.2.2"));
    CHECK(must(other->authenticate("x", secret, "192.0.2.2")).id == "x");
    for (const char* missing : {"y", "", "../x", "chat_app/x"}) {
        CHECK(r.applications->rotate_secret(missing).error().code == ErrorCode::not_found);
        CHECK(r.applications->remove(missing).error().code == ErrorCode::not_found);
        CHECK(r.applications->get(missing).error().code == ErrorCode::not_found);
    }
}

TEST_CASE("applications: secrets are tried a few times a minute only, by each address") {
    Registry r("memory");
    const std::string secret = must(r.applications->create("x", "")).secret;
    // A request without a secret tries nothing.
    for (int i = 0; i < 10; ++i) CHECK(r.refusal("x", "") == ErrorCode::unauthorized);
    for (int i = 0; i < 3; ++i) CHECK(r.refusal("x", "wrong") == ErrorCode::unauthorized);
    CHECK(r.refusal("x", "wrong") == ErrorCode::too_many);
    CHECK(r.refusal("x", secret) == ErrorCode::too_many);
    CHECK(must(r.applications->authenticate("x", secret, "198.51.100.1")).id == "x");
    r.clock.advance(61'000);
    CHECK(must(r.applications->authenticate("x", secret, "192.0.2.1")).id == "x");
}

TEST_CASE("applications: deleting one that could not be deleted at once") {
    Registry r(GENERATE("memory", "embedded", "couchdb"));
    const std::string secret = must(r.applications->create("x", "")).secret;
    must(must(r.store.open("chat_x"))->put_local("mark", "", "{}"));
    r.store.stubborn = true;
    CHECK(r.applications->remove("x").error().code == ErrorCode::io);
    // Nobody comes in, nobody takes the name, and it can be deleted again.
    CHECK(r.refusal("x", secret) == ErrorCode::unauthorized);
    CHECK(r.applications->create("x", "").error().code == ErrorCode::already_exists);
    CHECK(must(r.applications->list()).size() == 1);
    r.store.stubborn = false;
    must(r.applications->remove("x"));
    CHECK(must(r.applications->list()).empty());
    CHECK(r.store.open("chat_x").error().code == ErrorCode::not_found);
    must(r.applications->create("x", ""));
    CHECK(must(r.store.open("chat_x"))->get_local("mark").error().code == ErrorCode::not_found);
}

TEST_CASE("ledgers: for a job a database that was made anew is opened anew") {
    const davenport::test::ManualClock clock;
    Place place(GENERATE("memory", "embedded"));
    Ledgers ledgers(*place.store, clock);
    Application application;
    application.id = "x";
    must(must(ledgers.of(application))->create(comment("former")));
    must(place.store->drop("chat_x"));
    must(place.store->create("chat_x"));
    CHECK_FALSE(must(ledgers.of(application))->last_number(Kind::comment));
    const auto ledger = must(ledgers.probed(application));
    CHECK(must(ledger->last_number(Kind::comment)) == 0);
    CHECK(must(ledgers.of(application)) == ledger);
}

}  // namespace davenport::chat::test
