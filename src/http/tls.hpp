#pragma once

#include "davenport/base/result.hpp"

#include <boost/asio/ssl/context.hpp>

#include <memory>
#include <string>

namespace davenport::http {

// A server's TLS 1.2 and 1.3 with the given PEM files. The error names the file and what is wrong.
Result<std::unique_ptr<boost::asio::ssl::context>> make_tls_context(
    const std::string& certificate_file, const std::string& key_file);

}  // namespace davenport::http
