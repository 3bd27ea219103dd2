#include "davenport/metrics/registry.hpp"

#include <catch2/catch.hpp>

#include <thread>

using namespace davenport;
using namespace std::chrono_literals;

namespace {

bool holds(const std::string& text, const std::string& line) {
    return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("counters, gauges and histograms in Prometheus' text format") {
    metrics::Registry registry;
    const auto good = registry.counter("t_done_total", "Done.", {{"outcome", "good"}});
    registry.counter("t_done_total", "Done.", {{"outcome", "bad"}});
    const auto open = registry.gauge("t_open", "Open.");
    const double bounds[] = {0.1, 1};
    const auto took = registry.histogram("t_seconds", "Took.", bounds);
    good.add();
    good.add(2);
    open.set(7);
    open.add(-2);
    took.observe(0.05);
    took.observe(500ms);
    took.observe(5s);

    const std::string text = registry.text();
    CAPTURE(text);
    CHECK(holds(text, "# HELP t_done_total Done."));
    CHECK(holds(text, "# TYPE t_done_total counter"));
    CHECK(holds(text, "t_done_total{outcome=\"good\"} 3"));
    CHECK(holds(text, "t_done_total{outcome=\"bad\"} 0"));
    CHECK(holds(text, "t_open 5"));
    CHECK(holds(text, "t_seconds_bucket{le=\"0.1\"} 1"));
    CHECK(holds(text, "t_seconds_bucket{le=\"1\"} 2"));
    CHECK(holds(text, "t_seconds_bucket{le=\"+Inf\"} 3"));
    CHECK(holds(text, "t_seconds_count 3"));
}

TEST_CASE("the same name and labels are the same series") {
    metrics::Registry registry;
    registry.counter("t_total", "T.", {{"a", "1"}, {"b", "2"}}).add();
    registry.counter("t_total", "T.", {{"b", "2"}, {"a", "1"}}).add();
    CHECK(holds(registry.text(), "t_total{a=\"1\",b=\"2\"} 2"));
}

TEST_CASE("a handle without a registry does nothing") {
    metrics::Counter().add();
    metrics::Gauge().set(1);
    metrics::Histogram().observe(1);
}

TEST_CASE("what is sampled is asked for anew at every scrape") {
    metrics::Registry registry;
    int asked = 0;
    registry.collect([&](metrics::Samples& samples) {
        samples.gauge("t_age", "Age.", ++asked);
        samples.gauge("t_jobs", "Jobs.", 1, {{"kind", "a"}});
        samples.counter("t_seen_total", "Seen.", 5);
        samples.gauge("t_jobs", "Jobs.", 2, {{"kind", "b"}});
    });
    registry.text();
    const std::string text = registry.text();
    CAPTURE(text);
    CHECK(holds(text, "t_age 2"));
    CHECK(holds(text, "t_seen_total 5"));
    // One family, however its series came.
    CHECK(text.find("t_jobs{kind=\"a\"} 1\nt_jobs{kind=\"b\"} 2\n") != std::string::npos);
}

TEST_CASE("a name has a bounded number of series") {
    metrics::Registry registry;
    for (std::size_t i = 0; i < metrics::Registry::max_series + 10; ++i)
        registry.counter("t_total", "T.", {{"id", std::to_string(i)}}).add();
    const std::string text = registry.text();
    std::size_t series = 0;
    for (std::size_t at = 0; (at = text.find("\nt_total{", at)) != std::string::npos; ++at)
        ++series;
    CHECK(series == metrics::Registry::max_series);
}

TEST_CASE("threads may count and scrape at one time") {
    metrics::Registry registry;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int n = 0; n < 1000; ++n) registry.counter("t_total", "T.").add();
        });
    for (int i = 0; i < 20; ++i) registry.text();
    for (auto& thread : threads) thread.join();
    CHECK(holds(registry.text(), "t_total 4000"));
}
