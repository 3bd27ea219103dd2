#include "answers.hpp"
#include "family.hpp"

namespace davenport::api {

// What others need to check backups without us: the public keys, and proofs.
void add_proof_routes(http::Router& router, const Surroundings& surroundings) {
    const std::vector<std::string_view> read = {rbac::action::settings, rbac::action::audit};
    service::Service& service = surroundings.service;
    add_everywhere(router, surroundings, "GET", "/signing-key", http::BodyPolicy::none(), read,
                   [&service](http::Request&, std::string_view) {
                       http::Response response;
                       response.headers.set("Content-Type", "application/x-pem-file");
                       response.body = VerifyingKey::to_pem(service.public_keys());
                       return response;
                   });
    add_everywhere(router, surroundings, "GET", "/backups/:id/proofs/:db/*doc",
                   http::BodyPolicy::none(), read,
                   [&service](http::Request& request, std::string_view) {
                       auto proof = service.vault().prove(
                           request.capture("id"), request.capture("db"), request.capture("doc"));
                       if (!proof) return error_answer(proof.error());
                       return http::Response::json(200, std::move(*proof));
                   });
}

}  // namespace davenport::api
