#pragma once

#include "davenport/http/server.hpp"
#include "davenport/metrics/registry.hpp"

#include <array>
#include <string>
#include <unordered_map>

namespace davenport::api {

// Counts and times requests by route: by its pattern, never by what a client wrote into the path.
// `observe` is for ServerOptions::observe, which calls it from one thread.
class RequestMetrics {
  public:
    explicit RequestMetrics(metrics::Registry& metrics) : metrics_(metrics) {}

    void observe(const http::Exchange& exchange);

  private:
    // By the first digit of the status; 0: the client went before there was one.
    struct Series {
        std::array<metrics::Counter, 6> counts;
        std::array<bool, 6> known{};
        metrics::Histogram seconds;
        std::string route, method;
    };
    Series& series_of(const http::Exchange& exchange);

    metrics::Registry& metrics_;
    std::unordered_map<const http::Route*, Series> by_route_;
};

// Adds what the server knows of its connections. The server must outlive the last scrape.
void sample_connections(metrics::Registry& metrics, const http::Server& server);

}  // namespace davenport::api
