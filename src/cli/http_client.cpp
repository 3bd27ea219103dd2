#include "http_client.hpp"

#include "davenport/base/encoding.hpp"
#include "davenport/base/error_json.hpp"

#include <curl/curl.h>
#include <sys/stat.h>
#include <cerrno>
#include <cstdio>

namespace davenport::cli {
namespace {

ErrorCode code_of(long status) {
    switch (status) {
        case 400:
            return ErrorCode::invalid_argument;
        case 401:
            return ErrorCode::unauthorized;
        case 403:
            return ErrorCode::forbidden;
        case 404:
            return ErrorCode::not_found;
        case 409:
            return ErrorCode::in_use;
        case 413:
            return ErrorCode::too_large;
        case 429:
            return ErrorCode::too_many;
        case 503:
            return ErrorCode::unavailable;
        case 507:
            return ErrorCode::no_space;
        default:
            return status >= 500 ? ErrorCode::internal : ErrorCode::invalid_argument;
    }
}

// "/ak/api/v3/backups/x?docs=false" as "backups/x".
std::string thing_at(std::string_view path) {
    if (path.starts_with(api_root)) path.remove_prefix(api_root.size() + 1);
    path = path.substr(0, path.find('?'));
    return percent_decode(path).value_or(std::string(path));
}

Error told_by(const HttpClient::Answer& answer) {
    Error error{code_of(answer.status), fmt::format("the service answered {}", answer.status), {}};
    const auto body = parse_json_object(answer.body);
    if (!body) return error;
    // The service says more than the status: its codes have the names of ours.
    error.code = error_code_named(text_or(*body, "error")).value_or(error.code);
    std::string told = text_or(*body, "message", text_or(*body, "reason", text_or(*body, "error")));
    if (const json::array* lines = array_member(*body, "msgs"))
        for (const json::value& line : *lines)
            if (line.is_string())
                told += (told.empty() ? "" : "; ") + std::string(line.as_string());
    if (told == "missing") told = thing_at(answer.path) + " is missing";
    if (!told.empty()) error.message += ": " + told;
    if (text_or(*body, "message") == "already_in_progress") {
        error.code = ErrorCode::in_progress;
        error.detail = text_or(*body, "id");
        error.message += " (" + error.detail + ")";
    }
    return error;
}

}  // namespace

struct HttpClient::Transfer {
    std::string method, url, body;
    std::FILE* file = nullptr;
    curl_off_t file_size = 0;
    const TextSink* sink = nullptr;
    CURL* handle = nullptr;
    Answer answer;
    Result<> sunk;

    static std::size_t on_answer(char* data, std::size_t, std::size_t size, void* self) {
        auto& transfer = *static_cast<Transfer*>(self);
        long status = 0;
        curl_easy_getinfo(transfer.handle, CURLINFO_RESPONSE_CODE, &status);
        if (transfer.sink && status == 200) {
            transfer.sunk = (*transfer.sink)({data, size});
            return transfer.sunk ? size : 0;
        }
        constexpr std::size_t longest = 64u << 20;
        if (transfer.answer.body.size() + size > longest) return 0;
        transfer.answer.body.append(data, size);
        return size;
    }
    static std::size_t on_file(char* data, std::size_t, std::size_t size, void* self) {
        return std::fread(data, 1, size, static_cast<Transfer*>(self)->file);
    }
};

HttpClient::HttpClient(std::string base, std::string key, std::string ca_file)
    : base_(std::move(base)),
      key_(std::move(key)),
      ca_file_(std::move(ca_file)),
      handle_(curl_easy_init()) {
    while (base_.ends_with('/')) base_.pop_back();
}

HttpClient::~HttpClient() {
    curl_easy_cleanup(handle_);
}

Result<HttpClient::Answer> HttpClient::perform(Transfer& transfer) {
    CURL* curl = handle_;
    if (!curl) return fail(ErrorCode::internal, "libcurl could not be started");
    curl_easy_reset(curl);
    transfer.handle = curl;
    transfer.answer.path = std::move(transfer.url);
    transfer.url = base_ + transfer.answer.path;
    curl_easy_setopt(curl, CURLOPT_URL, transfer.url.c_str());
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    if (!ca_file_.empty()) {
        curl_easy_setopt(curl, CURLOPT_CAINFO, ca_file_.c_str());
        curl_easy_setopt(curl, CURLOPT_CAPATH, nullptr);
    }
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
    // Not a limit on the whole: a backup takes its time. A minute without a byte is a dead peer,
    // except while the service checks an upload or a vault, which it answers only when done.
    curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_easy_setopt(curl, CURLOPT_USERPWD, key_.c_str());
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &Transfer::on_answer);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
    curl_slist* headers = curl_slist_append(nullptr, "Content-Type: application/json");
    if (transfer.file) {
        curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(curl, CURLOPT_READFUNCTION, &Transfer::on_file);
        curl_easy_setopt(curl, CURLOPT_READDATA, &transfer);
        curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, transfer.file_size);
    } else if (transfer.method != "GET") {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, transfer.method.c_str());
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, transfer.body.c_str());
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                         static_cast<curl_off_t>(transfer.body.size()));
    }
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    const CURLcode outcome = curl_easy_perform(curl);
    curl_slist_free_all(headers);
    if (!transfer.sunk) return fail(transfer.sunk.error());
    if (outcome == CURLE_SSL_CACERT_BADFILE)
        return fail(ErrorCode::invalid_argument, "{} can't be read as certificates in PEM",
                    ca_file_);
    if (outcome != CURLE_OK)
        return fail(ErrorCode::unavailable, "{}: {}{}", base_, curl_easy_strerror(outcome),
                    outcome == CURLE_PEER_FAILED_VERIFICATION
                        ? " (--ca-file names the certificates of an authority of your own)"
                        : "");
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &transfer.answer.status);
    return std::move(transfer.answer);
}

Result<HttpClient::Answer> HttpClient::send(std::string_view method, const std::string& path,
                                            std::string body) {
    Transfer transfer;
    transfer.method = method;
    transfer.url = path;
    transfer.body = std::move(body);
    return perform(transfer);
}

Result<HttpClient::Answer> HttpClient::upload(const std::string& path, const std::string& file) {
    Transfer transfer;
    transfer.method = "PUT";
    transfer.url = path;
    transfer.file = std::fopen(file.c_str(), "rb");
    if (!transfer.file) return fail(posix_error("can't read " + file, errno));
    struct stat status {};
    fstat(fileno(transfer.file), &status);
    transfer.file_size = status.st_size;
    auto answer = perform(transfer);
    std::fclose(transfer.file);
    return answer;
}

Result<> HttpClient::download(const std::string& path, const TextSink& sink) {
    Transfer transfer;
    transfer.method = "GET";
    transfer.url = path;
    transfer.sink = &sink;
    DAVENPORT_ASSIGN(const Answer answer, perform(transfer));
    if (answer.status != 200) return fail(told_by(answer));
    return {};
}

Result<json::object> HttpClient::expect(const Result<Answer>& answer) {
    if (!answer) return fail(answer.error());
    if (answer->status < 200 || answer->status > 299) return fail(told_by(*answer));
    return parse_json_object(answer->body);
}

}  // namespace davenport::cli
