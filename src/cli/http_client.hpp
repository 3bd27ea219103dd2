#pragma once

#include "davenport/base/result.hpp"
#include "operations.hpp"

#include <string>
#include <string_view>

namespace davenport::cli {

// What every path of the service's API begins with here.
inline constexpr std::string_view api_root = "/ak/api/v3";

// Requests to a running service with libcurl. Not thread-safe.
class HttpClient {
  public:
    // `base` is scheme://host[:port], `key` is KEY:SECRET, `ca_file` holds in PEM the certificates
    // that vouch for the service; empty: the system's.
    HttpClient(std::string base, std::string key, std::string ca_file);
    ~HttpClient();
    HttpClient(const HttpClient&) = delete;
    HttpClient& operator=(const HttpClient&) = delete;

    struct Answer {
        long status = 0;
        std::string body;
        std::string path;  // that was asked for
    };
    Result<Answer> send(std::string_view method, const std::string& path, std::string body = {});
    Result<Answer> upload(const std::string& path, const std::string& file);
    // Hands a 200's body on piece by piece; another status is the Error that its JSON tells.
    Result<> download(const std::string& path, const TextSink& sink);

    // An answer's JSON object when its status is 2xx, else the Error that it tells.
    static Result<json::object> expect(const Result<Answer>& answer);

  private:
    struct Transfer;
    Result<Answer> perform(Transfer& transfer);

    std::string base_, key_, ca_file_;
    void* handle_;  // CURL*
};

}  // namespace davenport::cli
