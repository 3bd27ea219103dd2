#pragma once

#include "endpoint.hpp"

#include <string>

// `_local/` documents, where replicators keep their checkpoints. `id` has the prefix.
namespace davenport::api::couchdb {

Result<http::Response> get_local_document(const Endpoint& endpoint, const http::Request& request,
                                          const std::string& id);
Result<http::Response> put_local_document(const Endpoint& endpoint, const http::Request& request,
                                          const std::string& id);
Result<http::Response> remove_local_document(const Endpoint& endpoint, const http::Request& request,
                                             const std::string& id);

}  // namespace davenport::api::couchdb
