#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

// What the service counts and measures, for Prometheus. To add something:
//
//   1. ask the registry for a handle, once, where the counted thing is made:
//        drills_ = metrics.counter("davenport_drills_total", "Drills by outcome.",
//                                  {{"outcome", "recoverable"}});
//   2. use it:          drills_.add();
//   3. write its name down in docs/monitoring.md (a test looks for it there).
//
// Names follow Prometheus' rules: `davenport_` first, the unit last (seconds, bytes), `_total` at
// the end of a counter. Values of labels come from short lists that the code knows (an outcome, a
// kind, a route's pattern), never from data: no ids, names of databases, paths or addresses.
namespace davenport::metrics {

using Labels = std::vector<std::pair<std::string, std::string>>;

// Handles. Cheap to copy, thread-safe; they stay usable as long as their registry lives. One that
// was made by its default constructor does nothing, so that code can run without a registry.
class Counter {
  public:
    Counter() = default;
    void add(double amount = 1) const;  // not below 0

  private:
    friend class Registry;
    explicit Counter(prometheus::Counter* counter) : counter_(counter) {}
    prometheus::Counter* counter_ = nullptr;
};

class Gauge {
  public:
    Gauge() = default;
    void set(double value) const;
    void add(double amount) const;

  private:
    friend class Registry;
    explicit Gauge(prometheus::Gauge* gauge) : gauge_(gauge) {}
    prometheus::Gauge* gauge_ = nullptr;
};

class Histogram {
  public:
    Histogram() = default;
    void observe(double value) const;
    void observe(std::chrono::nanoseconds duration) const {
        observe(std::chrono::duration<double>(duration).count());
    }

  private:
    friend class Registry;
    explicit Histogram(prometheus::Histogram* histogram) : histogram_(histogram) {}
    prometheus::Histogram* histogram_ = nullptr;
};

// Upper bounds of buckets, in seconds.
inline constexpr double request_seconds[] = {0.001, 0.005, 0.025, 0.1, 0.5, 2, 10, 60};
inline constexpr double operation_seconds[] = {0.0001, 0.001, 0.005, 0.025, 0.1, 0.5, 2, 10};
inline constexpr double job_seconds[] = {0.1, 1, 5, 30, 120, 600, 3600, 21600};

// Values that are only worth finding out when somebody asks. Filled anew at every scrape.
class Samples {
  public:
    void gauge(std::string_view name, std::string_view help, double value, Labels labels = {});
    void counter(std::string_view name, std::string_view help, double value, Labels labels = {});

  private:
    friend class Registry;
    enum class Type { gauge, counter };
    struct Sample {
        Type type;
        std::string name, help;
        Labels labels;
        double value;
    };
    std::vector<Sample> samples_;
};

// All metrics of one service. Thread-safe. Asking again for a name with the same labels gives the
// same time series; a name has one type, and labels of one form (anything else is our own mistake
// and aborts). A name holds at most `max_series` sets of labels; handles beyond them do nothing.
class Registry {
  public:
    static constexpr std::size_t max_series = 2000;

    Registry();
    ~Registry();
    Registry(const Registry&) = delete;
    Registry& operator=(const Registry&) = delete;

    Counter counter(std::string_view name, std::string_view help, const Labels& labels = {});
    Gauge gauge(std::string_view name, std::string_view help, const Labels& labels = {});
    // All histograms of one name have the same `buckets`.
    Histogram histogram(std::string_view name, std::string_view help,
                        std::span<const double> buckets, const Labels& labels = {});

    // `source` is called at every scrape, by one thread at a time; it must not wait for anything
    // long, and what it refers to must outlive the last scrape.
    void collect(std::function<void(Samples&)> source);

    // Everything in Prometheus' text format.
    std::string text() const;
    static constexpr std::string_view content_type = "text/plain; version=0.0.4; charset=utf-8";

  private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace davenport::metrics
