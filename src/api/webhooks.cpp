#include "answers.hpp"
#include "family.hpp"

namespace davenport::api {
namespace {

std::string_view state_name(webhooks::Delivery::State state) {
    switch (state) {
        case webhooks::Delivery::State::waiting:
            return "waiting";
        case webhooks::Delivery::State::delivered:
            return "delivered";
        case webhooks::Delivery::State::given_up:
            return "given_up";
    }
    return "";
}

json::object to_json(const webhooks::Delivery& delivery) {
    json::array attempts;
    for (const webhooks::Attempt& attempt : delivery.attempts)
        attempts.push_back(json::object{{"ts", attempt.at_ms},
                                        {"status", attempt.http_status},
                                        {"outcome", attempt.outcome},
                                        {"took_ms", attempt.took_ms}});
    return {{"id", delivery.id},
            {"state", state_name(delivery.state)},
            {"ts_created", delivery.created_ms},
            {"ts_next_attempt", delivery.next_attempt_ms},
            {"attempts", std::move(attempts)}};
}

struct Page {
    std::uint64_t limit = 100, skip = 0;
};

Result<Page> page_of(const http::Request& request) {
    DAVENPORT_ASSIGN(const auto parameters,
                     query_parameters(request, {"limit", "skip", "skip_cache"}));
    Page page;
    if (const auto limit = parameters.find("limit"); limit != parameters.end()) {
        DAVENPORT_ASSIGN(page.limit, parse_number("limit", limit->second, 1000));
    }
    if (const auto skip = parameters.find("skip"); skip != parameters.end()) {
        DAVENPORT_ASSIGN(page.skip, parse_number("skip", skip->second, 1'000'000'000));
    }
    return page;
}

class Webhooks {
  public:
    explicit Webhooks(const Surroundings& surroundings) : service_(surroundings.service) {}

    http::Response transaction(const http::Request& request) const {
        const auto transaction = service_.transaction(request.capture("tx"));
        if (!transaction && (transaction.error().code == ErrorCode::not_found ||
                             transaction.error().code == ErrorCode::invalid_argument))
            return missing_answer();
        if (!transaction) return error_answer(transaction.error());
        return answer(200, webhooks::to_json(*transaction));
    }

    http::Response list(const http::Request& request) const {
        const auto page = page_of(request);
        if (!page) return message_answer(400, page.error().message);
        const auto found = service_.transactions(page->limit, page->skip);
        if (!found) return error_answer(found.error());
        json::array rows;
        for (const webhooks::Transaction& transaction : found->transactions)
            rows.push_back(webhooks::to_json(transaction));
        return answer(200, {{"total", found->total},
                            {"matches", found->transactions.size()},
                            {"webhooks", std::move(rows)}});
    }

    http::Response deliveries(const http::Request& request) const {
        const auto page = page_of(request);
        if (!page) return message_answer(400, page.error().message);
        const auto found = service_.deliveries().list(page->limit, page->skip);
        if (!found) return error_answer(found.error());
        json::array rows;
        for (const webhooks::Delivery& delivery : *found) rows.push_back(to_json(delivery));
        return answer(200, {{"deliveries", std::move(rows)}});
    }

    http::Response replay(const http::Request& request) const {
        const std::string& id = request.capture("id");
        const auto replayed = service_.deliveries().replay(id);
        if (!replayed && (replayed.error().code == ErrorCode::not_found ||
                          replayed.error().code == ErrorCode::invalid_argument))
            return missing_answer();
        if (!replayed) return error_answer(replayed.error());
        return answer(202, {{"message", "ok"}, {"id", id}});
    }

  private:
    service::Service& service_;
};

}  // namespace

void add_webhook_routes(http::Router& router, const Surroundings& surroundings) {
    const auto webhooks = std::make_shared<Webhooks>(surroundings);
    const std::vector<std::string_view> view = {rbac::action::view};
    const auto none = http::BodyPolicy::none();
    add_everywhere(router, surroundings, "GET", "/webhooks/txs/:tx", none, view,
                   [webhooks](http::Request& request, std::string_view) {
                       return webhooks->transaction(request);
                   });
    add_everywhere(
        router, surroundings, "GET", "/webhooks", none, view,
        [webhooks](http::Request& request, std::string_view) { return webhooks->list(request); });
    add_everywhere(router, surroundings, "GET", "/webhooks/deliveries", none, view,
                   [webhooks](http::Request& request, std::string_view) {
                       return webhooks->deliveries(request);
                   });
    add_everywhere(
        router, surroundings, "POST", "/webhooks/deliveries/:id/replay",
        http::BodyPolicy::text(1024), {rbac::action::settings},
        [webhooks](http::Request& request, std::string_view) { return webhooks->replay(request); });
}

}  // namespace davenport::api
