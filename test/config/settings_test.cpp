#include "davenport/config/settings.hpp"

#include "support/temporary_directory.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

using namespace davenport;
using Catch::Matchers::Contains;

namespace {

std::string write_file(const test::TemporaryDirectory& directory, const std::string& text) {
    const std::string path = directory / "davenport.toml";
    std::ofstream(path) << text;
    return path;
}

std::string refusal(const Result<config::Settings>& settings) {
    REQUIRE_FALSE(settings);
    CHECK(settings.error().code == ErrorCode::invalid_argument);
    return settings.error().message;
}

}  // namespace

TEST_CASE("defaults stand without any source") {
    const auto settings = config::load("", {}, {}).value();
    CHECK(settings.data.directory == "davenport-data");
    CHECK(settings.http.listen == "127.0.0.1:3000");
    CHECK(settings.databases.components == "athena_components");
    CHECK(settings.backup.skipped_types.front() == "athena_backup");
}

TEST_CASE("retention rules that would be passed over, or would keep nothing, are refused") {
    using Entries = std::vector<std::string>;
    CHECK(config::load("", {}, {}).value().retention.preset == "console");
    const auto keeps = config::load(
        "", {"DAVENPORT_RETENTION_PRESET=rules", "DAVENPORT_RETENTION_KEEP_DAILY=-1"}, {});
    CHECK(keeps.value().retention.keep_daily == -1);
    CHECK(config::load("", {"DAVENPORT_RETENTION_PRESET=none"}, {}));
    CHECK_THAT(refusal(config::load("", {"DAVENPORT_RETENTION_PRESET=rules"}, {})),
               Contains("remove everything"));
    CHECK_THAT(refusal(config::load("", {"DAVENPORT_RETENTION_PRESET=some"}, {})),
               Contains("console, rules or none"));
    for (const Entries& entries :
         {Entries{"DAVENPORT_RETENTION_KEEP_LAST=3"}, Entries{"DAVENPORT_RETENTION_KEEP_WITHIN=3d"},
          Entries{"DAVENPORT_RETENTION_KEEP_YEARLY=1", "DAVENPORT_RETENTION_PRESET=none"}})
        CHECK_THAT(refusal(config::load("", entries, {})), Contains("must be rules"));
    CHECK_THAT(refusal(config::load("", {"DAVENPORT_RETENTION_KEEP_DAILY=-2"}, {})),
               Contains("retention.keep_daily"));
}

TEST_CASE("flags win over the environment, the environment over the file") {
    const test::TemporaryDirectory directory;
    const std::string file =
        write_file(directory,
                   "[http]\nworkers = 3\nidle_timeout_ms = 111\n"
                   "[webhooks]\nallow = [\"a\"]\n[data]\ndirectory = \"file\"\n");
    const auto settings = config::load(file,
                                       {"DAVENPORT_HTTP_WORKERS=4", "PATH=/bin",
                                        "DAVENPORT_WEBHOOKS_ALLOW=127.0.0.1, 10.0.0.0/8",
                                        "DAVENPORT_DATA_DIRECTORY=env"},
                                       {{"data.directory", "flag"}})
                              .value();
    CHECK(settings.http.workers == 4);
    CHECK(settings.http.idle_timeout_ms == 111);
    CHECK(settings.webhooks.allow == std::vector<std::string>{"127.0.0.1", "10.0.0.0/8"});
    CHECK(settings.data.directory == "flag");
}

TEST_CASE("an unknown key or a bad value is named") {
    const test::TemporaryDirectory directory;
    const auto load_text = [&](const std::string& text) {
        return config::load(write_file(directory, text), {}, {});
    };
    CHECK_THAT(refusal(load_text("[http]\nwokers = 3\n")),
               Contains("http.wokers") && Contains("line 2"));
    CHECK_THAT(refusal(load_text("[htp]\nworkers = 3\n")), Contains("htp"));
    CHECK_THAT(refusal(load_text("workers = 3\n")), Contains("workers"));
    CHECK_THAT(refusal(load_text("[http]\nworkers = \"3\"\n")), Contains("http.workers"));
    CHECK_THAT(refusal(load_text("[http]\nworkers = 0\n")), Contains("http.workers"));
    CHECK_THAT(refusal(load_text("[webhooks]\nallow = [1]\n")), Contains("webhooks.allow"));
    CHECK_THAT(refusal(load_text("[http\n")), Contains("line 1"));
    CHECK_THAT(refusal(load_text("[http]\n[[ }\n")), Contains("line 2"));
    CHECK_THAT(refusal(load_text("[http]\n\u00e9 = 3\n")), Contains("line 2"));
    CHECK(refusal(config::load(directory / "missing.toml", {}, {})) ==
          "can't read " + (directory / "missing.toml") + ": No such file or directory");
    CHECK_THAT(refusal(config::load("/", {}, {})), Contains("can't read /: Is a directory"));
    CHECK_THAT(refusal(load_text("[http]\nlisten = 127.0.0.1:3000\nworkers = 3\n")),
               Contains("line 2") && Contains("(a text needs quotes)"));
    CHECK_THAT(refusal(load_text("[http]\n\nlisten = localhost:3000")),
               Contains("line 3") && Contains("(a text needs quotes)"));
    CHECK_THAT(refusal(load_text("[http]\nlisten = \"127.0.0.1:3000\n")),
               Contains("line 2") && !Contains("quotes"));
    CHECK_THAT(refusal(config::load("", {"DAVENPORT_HTTP_WOKERS=3"}, {})),
               Contains("DAVENPORT_HTTP_WOKERS"));
    CHECK_THAT(refusal(config::load("", {"DAVENPORT_HTTP_WORKERS=three"}, {})),
               Contains("http.workers"));
    CHECK_THAT(refusal(config::load("", {}, {{"http.listen", "nowhere"}})),
               Contains("http.listen"));
    CHECK_THAT(refusal(config::load("", {"DAVENPORT_LOG_LEVEL=loud"}, {})), Contains("log.level"));
    CHECK_THAT(refusal(config::load("", {"DAVENPORT_HTTP_TLS_KEY_FILE=k"}, {})), Contains("tls"));
}

TEST_CASE("credentials do not stay in the URL of a CouchDB") {
    const auto loaded = [](const std::string& url) {
        return config::load("", {}, {{"databases.couchdb_url", url}});
    };
    const auto full = loaded("https://admin:p%40ss%3aword@db.example.com:6984/prefix");
    REQUIRE(full);
    CHECK(full->databases.couchdb_url == "https://db.example.com:6984/prefix");
    CHECK(full->databases.couchdb_user == "admin");
    CHECK(full->databases.couchdb_password == "p@ss:word");
    const auto odd = loaded("http://a:b@c@host/x@y");
    REQUIRE(odd);
    CHECK(odd->databases.couchdb_url == "http://host/x@y");
    CHECK(odd->databases.couchdb_password == "b@c");
    const auto none = loaded("http://host/x@y");
    REQUIRE(none);
    CHECK(none->databases.couchdb_url == "http://host/x@y");
    CHECK(none->databases.couchdb_user.empty());
    const auto broken = loaded("http://user:secret%zz@host");
    REQUIRE_FALSE(broken);
    CHECK(broken.error().message.find("secret") == std::string::npos);
    for (const char* url : {"https:/user:secret@host", "user:secret@host/http://user@host"}) {
        const auto mistyped = loaded(url);
        REQUIRE_FALSE(mistyped);
        CHECK(mistyped.error().message.find("couchdb_url") != std::string::npos);
        CHECK(mistyped.error().message.find("secret") == std::string::npos);
    }
    CHECK(config::load("", {"DAVENPORT_DATABASES_COUCHDB_LOGIN=magic"}, {})
              .error()
              .message.find("couchdb_login") != std::string::npos);
    CHECK(config::load("", {"DAVENPORT_BACKUP_REVISIONS=leaves"}, {})->backup.revisions ==
          "leaves");
    CHECK(config::load("", {"DAVENPORT_BACKUP_REVISIONS=all"}, {})
              .error()
              .message.find("winners or leaves") != std::string::npos);
}

TEST_CASE("the example file holds every setting with its default") {
    const test::TemporaryDirectory directory;
    const std::string example = config::example_file("/a \"quoted\" directory");
    const auto as_written = config::load(write_file(directory, example), {}, {}).value();
    CHECK(as_written.data.directory == "/a \"quoted\" directory");

    // Without the sign of a comment, every line is accepted and changes nothing.
    std::istringstream lines(config::example_file(""));
    std::string uncommented;
    for (std::string line; std::getline(lines, line);)
        uncommented +=
            (line.starts_with("#") && !line.starts_with("# ") ? line.substr(1) : line) + "\n";
    for (const config::SettingInfo& setting : config::setting_table())
        CHECK_THAT(uncommented,
                   Contains("\n" + setting.name + " = " + setting.default_value + "\n"));
    const auto defaults = config::load(write_file(directory, uncommented), {}, {}).value();
    CHECK(defaults.data.directory == "davenport-data");
    CHECK(defaults.http.workers == config::Settings{}.http.workers);
    CHECK(defaults.backup.skipped_types == config::Settings{}.backup.skipped_types);
}

TEST_CASE("the documentation names every setting with its default") {
    std::ifstream file(DOCUMENTATION);
    std::ostringstream text;
    text << file.rdbuf();
    for (const config::SettingInfo& setting : config::setting_table()) {
        const std::string row = "| `" + setting.section + "." + setting.name + "` | `" +
                                setting.default_value + "` | " + setting.description + " |";
        CHECK_THAT(text.str(), Contains(row));
    }
}
