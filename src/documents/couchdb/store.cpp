#include "database.hpp"
#include "davenport/documents/couchdb.hpp"

#include <algorithm>

namespace davenport::documents {
namespace couchdb {
namespace {

class CouchdbStore final : public DocumentStore {
  public:
    explicit CouchdbStore(std::shared_ptr<Server> server) : server_(std::move(server)) {}

    Result<std::vector<std::string>> databases() override {
        auto exchange = open_answer(
            server_->client(), get_request("_all_dbs"),
            [](const Answer& answer) { return error_of(answer, "listing the databases"); });
        if (!exchange) return fail(std::move(exchange).error());
        JsonRows rows(std::move(*exchange), "", 4096);
        std::vector<std::string> names;
        while (true) {
            DAVENPORT_ASSIGN(const auto text, rows.next());
            if (!text) break;
            DAVENPORT_ASSIGN(const json::value value, parse_json(*text));
            if (!value.is_string())
                return fail(ErrorCode::corrupt, "the list of databases holds {}", *text);
            // The server's own begin with '_'; what else is no name of ours can't be opened.
            std::string name(value.as_string());
            if (check_database_name(name)) names.push_back(std::move(name));
        }
        std::sort(names.begin(), names.end());
        return names;
    }

    Result<> create(std::string_view name) override {
        DAVENPORT_TRY(check_database_name(name));
        Request request;
        request.method = Request::Method::put;
        request.path = database_path(name);
        request.repeat = Request::Repeat::never;
        DAVENPORT_ASSIGN(const Answer answer, server_->client().send(std::move(request)));
        if (answer.head.status == 412)
            return fail(Error{ErrorCode::already_exists,
                              fmt::format("database \"{}\" exists already", name), "file_exists"});
        if (answer.head.status != 201 && answer.head.status != 202)
            return fail(error_of(answer, fmt::format("creating database \"{}\"", name)));
        return {};
    }

    Result<> drop(std::string_view name) override {
        DAVENPORT_TRY(check_database_name(name));
        Request request;
        request.method = Request::Method::remove;
        request.path = database_path(name);
        request.repeat = Request::Repeat::never;
        DAVENPORT_ASSIGN(const Answer answer, server_->client().send(std::move(request)));
        if (answer.head.status == 404) return no_database(name);
        if (answer.head.status != 200 && answer.head.status != 202)
            return fail(error_of(answer, fmt::format("dropping database \"{}\"", name)));
        return {};
    }

    Result<std::shared_ptr<Database>> open(std::string_view name) override {
        DAVENPORT_TRY(check_database_name(name));
        auto database = std::make_shared<CouchdbDatabase>(
            Place{server_, std::string(name), database_path(name)});
        DAVENPORT_TRY(database->info());
        return std::shared_ptr<Database>(std::move(database));
    }

  private:
    const std::shared_ptr<Server> server_;
};

}  // namespace
}  // namespace couchdb

Result<std::unique_ptr<DocumentStore>> open_couchdb(const CouchdbOptions& options) {
    DAVENPORT_ASSIGN(auto client, couchdb::Client::create(options));
    return std::unique_ptr<DocumentStore>(std::make_unique<couchdb::CouchdbStore>(
        std::make_shared<couchdb::Server>(std::move(client), options)));
}

}  // namespace davenport::documents
