#include "documents/couchdb/client.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/json.hpp"
#include "documents/couchdb/client_exchange.hpp"
#include "documents/couchdb/client_url.hpp"

#include <algorithm>
#include <fstream>
#include <functional>

namespace davenport::documents::couchdb {
namespace {

constexpr int max_cut_answers = 3;
constexpr std::uint64_t longest_timeout_ms = std::uint64_t{24} * 3'600'000;

class WireClient final : public Client {
  public:
    WireClient(std::shared_ptr<Core> core, std::stop_token ending)
        : core_(std::move(core)), hurry_(std::move(ending), [this] { core_->loop.hurry(); }) {}
    WireClient(const WireClient&) = delete;
    WireClient& operator=(const WireClient&) = delete;
    ~WireClient() override { core_->loop.stop(); }

    std::unique_ptr<Exchange> begin(Request request) override {
        return begin(std::make_shared<const Request>(std::move(request)));
    }

    Result<Answer> send(Request request, std::size_t limit) override {
        const auto shared = std::make_shared<const Request>(std::move(request));
        const bool repeatable = shared->repeat == Request::Repeat::safe && !shared->upload;
        for (int cut = 0;; ++cut) {
            const auto exchange = begin(shared);
            DAVENPORT_TRY(exchange->head());
            auto answer = collect(*exchange, limit);
            if (answer || answer.error().code != ErrorCode::unavailable || !repeatable ||
                cut == max_cut_answers)
                return answer;
        }
    }

  private:
    std::unique_ptr<Exchange> begin(std::shared_ptr<const Request> request) {
        return std::make_unique<WireExchange>(core_, std::move(request),
                                              WireExchange::Identify::yes);
    }

    const std::shared_ptr<Core> core_;
    const std::stop_callback<std::function<void()>> hurry_;
};

Result<> check(const CouchdbOptions& options) {
    const auto control = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; };
    if (std::any_of(options.user.begin(), options.user.end(), control) ||
        std::any_of(options.password.begin(), options.password.end(), control))
        return fail(ErrorCode::invalid_argument,
                    "the user name and password of CouchDB can't hold control characters");
    if (find_invalid_utf8(options.user) != std::string::npos ||
        find_invalid_utf8(options.password) != std::string::npos)
        return fail(ErrorCode::invalid_argument,
                    "the user name and password of CouchDB must be UTF-8");
    if (options.user.find(':') != std::string::npos)
        return fail(ErrorCode::invalid_argument, "a user name of CouchDB can't hold a colon");
    if (options.user.empty() && !options.password.empty())
        return fail(ErrorCode::invalid_argument,
                    "there is a password for CouchDB but no user name");
    if (!options.ca_file.empty() && !std::ifstream(options.ca_file))
        return fail(ErrorCode::invalid_argument, "databases.couchdb_ca_file: can't read {}",
                    options.ca_file);
    for (const std::uint64_t timeout_ms : {options.connect_timeout_ms, options.stall_timeout_ms})
        if (timeout_ms == 0 || timeout_ms > longest_timeout_ms)
            return fail(ErrorCode::invalid_argument, "the time-outs for CouchDB must be 1 to {} ms",
                        longest_timeout_ms);
    if (options.retry_for_ms > longest_timeout_ms)
        return fail(ErrorCode::invalid_argument, "CouchDB can be retried for at most {} ms",
                    longest_timeout_ms);
    if (options.max_connections == 0)
        return fail(ErrorCode::invalid_argument, "CouchDB needs at least one connection");
    return {};
}

}  // namespace

Result<std::shared_ptr<Client>> Client::create(const CouchdbOptions& options) {
    static const CURLcode libcurl = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (libcurl != CURLE_OK) return fail(ErrorCode::unavailable, "libcurl could not be started");
    DAVENPORT_TRY(check(options));
    Endpoint endpoint;
    DAVENPORT_ASSIGN(endpoint.base, parse_server_url(options.url));
    endpoint.ca_file = options.ca_file;
    endpoint.connect_timeout_ms = options.connect_timeout_ms;
    endpoint.stall_timeout_ms = options.stall_timeout_ms;
    const bool cookie = options.login == CouchdbOptions::Login::cookie && !options.user.empty();
    if (!cookie) {
        endpoint.user = options.user;
        endpoint.password = options.password;
    }
    auto core = std::make_shared<Core>(std::move(endpoint), options.max_connections);
    core->retry_for_ms = options.retry_for_ms;
    if (cookie) {
        core->login = R"({"name":)";
        append_quoted(core->login, options.user);
        core->login += R"(,"password":)";
        append_quoted(core->login, options.password);
        core->login += '}';
    }
    DAVENPORT_TRY(core->loop.start());
    return std::make_shared<WireClient>(std::move(core), options.ending);
}

}  // namespace davenport::documents::couchdb
