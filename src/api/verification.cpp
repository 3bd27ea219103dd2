#include "answers.hpp"
#include "davenport/service/reports.hpp"
#include "family.hpp"

namespace davenport::api {
namespace {

constexpr std::uint64_t listed_differences = 1000;

// Checks and comparisons of what is stored; they change nothing.
class Checks {
  public:
    explicit Checks(const Surroundings& surroundings) : service_(surroundings.service) {}

    http::Response verify(const std::vector<std::string>& ids) const {
        const auto verification =
            service_.vault().verify(ids, [this](auto, auto) { return go_on(); });
        if (!verification && verification.error().code == ErrorCode::not_found)
            return missing_answer();
        if (!verification) return error_answer(verification.error());
        return answer(200, service::to_json(*verification));
    }

    http::Response diff(const http::Request& request) const {
        const auto compared =
            service::diff_to_json(service_.vault(), request.capture("id"), request.capture("other"),
                                  listed_differences, [this] { return go_on(); });
        if (!compared && (compared.error().code == ErrorCode::not_found ||
                          compared.error().code == ErrorCode::invalid_argument))
            return missing_answer();
        if (!compared) return error_answer(compared.error());
        return answer(200, *compared);
    }

  private:
    // A check may take hours; the service's end does not wait for it.
    Result<> go_on() const {
        if (!service_.monitor().draining()) return {};
        return fail(ErrorCode::cancelled, "the service is stopping");
    }

    service::Service& service_;
};

}  // namespace

void add_verification_routes(http::Router& router, const Surroundings& surroundings) {
    const auto checks = std::make_shared<Checks>(surroundings);
    const std::vector<std::string_view> read = {rbac::action::settings, rbac::action::audit};
    const auto add = [&](std::string_view pattern, VersionedHandler handler) {
        add_everywhere(router, surroundings, "GET", pattern, http::BodyPolicy::none(), read,
                       std::move(handler));
    };
    add("/verification", [checks](http::Request&, std::string_view) { return checks->verify({}); });
    add("/backups/:id/verification", [checks](http::Request& request, std::string_view) {
        return checks->verify({request.capture("id")});
    });
    add("/backups/:id/diff/:other",
        [checks](http::Request& request, std::string_view) { return checks->diff(request); });
}

}  // namespace davenport::api
