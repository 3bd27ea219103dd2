#pragma once

#include "documents/couchdb/client_attempt.hpp"

#include <curl/curl.h>

#include <array>
#include <chrono>

namespace davenport::documents::couchdb {

using SteadyTime = std::chrono::steady_clock::time_point;

// What all requests to the server have in common. Never changes.
struct Endpoint {
    std::string base;            // URL without a slash at its end
    std::string user, password;  // sent with every request (Basic); empty = none
    std::string ca_file;
    std::uint64_t connect_timeout_ms = 0;
    std::uint64_t stall_timeout_ms = 0;
};

// An attempt as libcurl carries it out. For the loop's thread alone.
class Transfer {
  public:
    // Both must outlive it.
    Transfer(const Endpoint& endpoint, std::shared_ptr<Attempt> attempt);
    Transfer(const Transfer&) = delete;
    Transfer& operator=(const Transfer&) = delete;
    ~Transfer();

    CURL* easy() const { return easy_; }
    Attempt& attempt() const { return *attempt_; }

    CURLcode prepare();
    CURLcode resume();           // the asking thread has taken or given bytes, or can_go_on()
    void finish(CURLcode code);  // tells the attempt what has become of it

    // Whether it stands still until the asking thread does something.
    bool held() const { return receive_held_ || send_held_; }
    // Whether it waits for bytes of an upload that the server has refused meanwhile.
    bool can_go_on() const;
    // How long it may go on without a byte; zero or less = it has stalled, and finish() says so.
    // `most`: no longer than that, the time of connecting included.
    std::chrono::milliseconds patience_left(SteadyTime now,
                                            std::optional<std::chrono::milliseconds> most = {});

  private:
    static int on_connected(void* self, char*, char*, int, int) noexcept;
    static std::size_t on_header(char* data, std::size_t, std::size_t size, void* self) noexcept;
    static std::size_t on_body(char* data, std::size_t, std::size_t size, void* self) noexcept;
    static std::size_t on_upload(char* data, std::size_t, std::size_t size, void* self) noexcept;

    bool take_header(std::string_view line);
    bool end_of_head();
    Attempt::Ending judge(CURLcode code) const;

    const Endpoint& endpoint_;
    const std::shared_ptr<Attempt> attempt_;
    CURL* const easy_;
    curl_slist* headers_ = nullptr;
    std::array<char, CURL_ERROR_SIZE> text_{};
    std::string url_;

    Head head_;
    std::size_t header_bytes_ = 0;
    bool answered_ = false, refused_ = false;
    bool connected_ = false;  // the request is, or may be, on its way
    bool uploading_ = false;  // a byte of the upload was taken
    bool receive_held_ = false, send_held_ = false;
    std::optional<Error> own_error_;  // why we ended it ourselves
    curl_off_t moved_ = 0;
    SteadyTime moved_at_ = std::chrono::steady_clock::now();
};

}  // namespace davenport::documents::couchdb
