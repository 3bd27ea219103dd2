#include "davenport/api/request_metrics.hpp"

namespace davenport::api {
namespace {

constexpr std::string_view statuses[] = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

}  // namespace

RequestMetrics::Series& RequestMetrics::series_of(const http::Exchange& exchange) {
    const auto [found, is_new] = by_route_.try_emplace(exchange.route);
    Series& series = found->second;
    if (!is_new) return series;
    // Without a route any method and path can stand there.
    series.route = exchange.route ? exchange.route->pattern : "none";
    series.method = exchange.route ? exchange.route->method : "any";
    series.seconds = metrics_.histogram(
        "davenport_http_request_duration_seconds",
        "From the end of a request's head to the end of its answer.", metrics::request_seconds,
        {{"route", series.route}, {"method", series.method}});
    return series;
}

void RequestMetrics::observe(const http::Exchange& exchange) {
    Series& series = series_of(exchange);
    const auto index = static_cast<std::size_t>(exchange.status / 100);
    const std::size_t status = index < std::size(statuses) ? index : 0;
    if (!series.known[status]) {
        series.counts[status] = metrics_.counter(
            "davenport_http_requests_total",
            "Requests by the pattern of their route and the class of their status.",
            {{"route", series.route},
             {"method", series.method},
             {"status", std::string(statuses[status])}});
        series.known[status] = true;
    }
    series.counts[status].add();
    series.seconds.observe(exchange.duration);
}

void sample_connections(metrics::Registry& metrics, const http::Server& server) {
    metrics.collect([&server](metrics::Samples& samples) {
        const http::Server::Statistics seen = server.statistics();
        samples.gauge("davenport_http_connections_open", "Open connections of clients.",
                      static_cast<double>(seen.connections_open));
        samples.counter("davenport_http_connections_refused_total",
                        "Connections over http.max_connections.",
                        static_cast<double>(seen.connections_refused));
        samples.counter("davenport_http_requests_rejected_total",
                        "Requests that were malformed, over a limit or too slow.",
                        static_cast<double>(seen.requests_rejected));
    });
}

}  // namespace davenport::api
