#include "harness.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <filesystem>
#include <stdexcept>

namespace davenport::test {
namespace {

template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return std::move(*result);
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* into) {
    static_cast<Reply*>(into)->body.append(data, size * count);
    return size * count;
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* into) {
    std::string line(data, size * count);
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.pop_back();
    auto& headers = static_cast<Reply*>(into)->headers;
    if (line.starts_with("HTTP/")) headers.clear();  // of a 100 before the answer itself
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) {
        std::string name = line.substr(0, colon);
        std::transform(name.begin(), name.end(), name.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        headers[name] = line.substr(colon + 2);
    }
    return size * count;
}

}  // namespace

json::value Reply::json() const {
    return must(parse_json(body));
}

std::string Reply::member(const char* name) const {
    const json::value value = json();
    const json::object* object = value.if_object();
    return object ? text_or(*object, name) : std::string();
}

CouchServer::CouchServer(api::CouchdbOptions options) {
    store_ = must(documents::open_embedded(directory_ / "data"));
    auto control = must(store_->open_or_create(control_database));
    access_ = must(rbac::Access::open(control, clock_));
    authorization_ = std::make_unique<api::Authorization>(*access_, rbac::Policy::standard());
    credentials_ = key_with("manager");

    options.product_version = "1.2.3";
    options.instance_uuid = "85fb71bf700c17267fef77535820e371";
    options.control_database = control_database;
    http::Router router;
    api::add_couchdb_routes(router, *store_, *authorization_, options);
    http::ServerOptions server;
    server.port = 0;
    server.spool_directory = directory_ / "spool";
    std::filesystem::create_directory(server.spool_directory);
    server_ = must(http::Server::start(server, std::move(router)));

    curl_ = curl_easy_init();
    if (!curl_) throw std::runtime_error("curl_easy_init failed");
}

CouchServer::~CouchServer() {
    curl_easy_cleanup(curl_);
    server_->drain(std::chrono::seconds(5));
    server_.reset();
}

std::string CouchServer::key_with(const char* role) {
    const rbac::NewKey key = must(access_->create_key({role}, "test"));
    return key.info.api_key + ":" + key.api_secret;
}

Reply CouchServer::call(std::string_view method, std::string_view target, std::string_view body,
                        HeaderLines headers) {
    if (std::none_of(headers.begin(), headers.end(),
                     [](const std::string& line) { return line.starts_with("Content-Type"); }))
        headers.emplace_back("Content-Type: application/json");
    return perform(method, target, body, headers, credentials_);
}

Reply CouchServer::call_as_stranger(std::string_view method, std::string_view target,
                                    HeaderLines headers) {
    return perform(method, target, {}, headers, {});
}

Reply CouchServer::perform(std::string_view method, std::string_view target, std::string_view body,
                           const HeaderLines& headers, const std::string& user_password) {
    CURL* curl = curl_;
    curl_easy_reset(curl);
    Reply reply;
    const std::string url =
        "http://127.0.0.1:" + std::to_string(server_->port()) + "/couchdb" + std::string(target);
    const std::string verb(method);
    curl_slist* lines = curl_slist_append(nullptr, "Expect:");
    for (const std::string& line : headers) lines = curl_slist_append(lines, line.c_str());
    curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
    curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &reply);
    curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
    curl_easy_setopt(curl, CURLOPT_HEADERDATA, &reply);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, 60L);
    if (!user_password.empty()) curl_easy_setopt(curl, CURLOPT_USERPWD, user_password.c_str());
    if (verb == "HEAD") {
        curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    } else if (verb == "POST" || verb == "PUT") {
        curl_easy_setopt(curl, CURLOPT_POST, 1L);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data() ? body.data() : "");
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, verb.c_str());
    } else {
        curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, verb.c_str());
    }
    const CURLcode code = curl_easy_perform(curl);
    long status = 0;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    reply.status = static_cast<int>(status);
    reply.broken = code != CURLE_OK;
    curl_slist_free_all(lines);
    return reply;
}

std::vector<std::string> strings(const json::value& array) {
    std::vector<std::string> texts;
    for (const json::value& element : array.as_array())
        texts.emplace_back(element.as_string().c_str());
    return texts;
}

}  // namespace davenport::test
