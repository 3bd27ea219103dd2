#include "davenport/metrics/registry.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

namespace davenport::metrics {
namespace {

template <class Metric>
struct Known {
    prometheus::Family<Metric>* family = nullptr;
    std::size_t series = 0;
};

template <class Metric>
using Families = std::map<std::string, Known<Metric>, std::less<>>;

prometheus::Labels to_map(const Labels& labels) {
    return {labels.begin(), labels.end()};
}

}  // namespace

void Counter::add(double amount) const {
    if (counter_) counter_->Increment(amount);
}

void Gauge::set(double value) const {
    if (gauge_) gauge_->Set(value);
}

void Gauge::add(double amount) const {
    if (gauge_) gauge_->Increment(amount);
}

void Histogram::observe(double value) const {
    if (histogram_) histogram_->Observe(value);
}

void Samples::gauge(std::string_view name, std::string_view help, double value, Labels labels) {
    samples_.push_back(
        {Type::gauge, std::string(name), std::string(help), std::move(labels), value});
}

void Samples::counter(std::string_view name, std::string_view help, double value, Labels labels) {
    samples_.push_back(
        {Type::counter, std::string(name), std::string(help), std::move(labels), value});
}

struct Registry::Impl {
    // Null when the name has its full number of series.
    template <class Metric, class... More>
    Metric* find(Families<Metric>& families, std::string_view name, std::string_view help,
                 const Labels& labels, const More&... more) {
        const std::lock_guard lock(mutex);
        try {
            auto known = families.find(name);
            if (known == families.end()) {
                auto builder = prometheus::detail::Builder<Metric>();
                auto& family =
                    builder.Name(std::string(name)).Help(std::string(help)).Register(registry);
                known = families.emplace(std::string(name), Known<Metric>{&family, 0}).first;
            }
            const auto map = to_map(labels);
            auto& [family, series] = known->second;
            if (!family->Has(map)) {
                if (series >= max_series) return nullptr;
                ++series;
            }
            return &family->Add(map, more...);
        } catch (const std::bad_alloc&) {
            return nullptr;
        } catch (const std::exception& error) {
            std::fprintf(stderr, "davenport: metric %.*s: %s\n", static_cast<int>(name.size()),
                         name.data(), error.what());
            std::abort();
        }
    }

    std::mutex mutex;  // guards the maps
    prometheus::Registry registry;
    Families<prometheus::Counter> counters;
    Families<prometheus::Gauge> gauges;
    Families<prometheus::Histogram> histograms;

    std::mutex sources_mutex;
    std::vector<std::function<void(Samples&)>> sources;
};

Registry::Registry() : impl_(std::make_unique<Impl>()) {}
Registry::~Registry() = default;

Counter Registry::counter(std::string_view name, std::string_view help, const Labels& labels) {
    return Counter(impl_->find(impl_->counters, name, help, labels));
}

Gauge Registry::gauge(std::string_view name, std::string_view help, const Labels& labels) {
    return Gauge(impl_->find(impl_->gauges, name, help, labels));
}

Histogram Registry::histogram(std::string_view name, std::string_view help,
                              std::span<const double> buckets, const Labels& labels) {
    return Histogram(
        impl_->find(impl_->histograms, name, help, labels,
                    prometheus::Histogram::BucketBoundaries(buckets.begin(), buckets.end())));
}

void Registry::collect(std::function<void(Samples&)> source) {
    const std::lock_guard lock(impl_->sources_mutex);
    impl_->sources.push_back(std::move(source));
}

std::string Registry::text() const {
    Samples samples;
    {
        const std::lock_guard lock(impl_->sources_mutex);
        for (const auto& source : impl_->sources) source(samples);
    }
    // Series of one name stand together, whatever order they were sampled in.
    std::map<std::string, prometheus::MetricFamily> sampled;
    for (Samples::Sample& sample : samples.samples_) {
        prometheus::MetricFamily& family = sampled[sample.name];
        family.name = sample.name;
        family.help = std::move(sample.help);
        prometheus::ClientMetric metric;
        for (auto& [name, value] : sample.labels)
            metric.label.push_back({std::move(name), std::move(value)});
        if (sample.type == Samples::Type::gauge) {
            family.type = prometheus::MetricType::Gauge;
            metric.gauge.value = sample.value;
        } else {
            family.type = prometheus::MetricType::Counter;
            metric.counter.value = sample.value;
        }
        family.metric.push_back(std::move(metric));
    }
    auto families = impl_->registry.Collect();
    for (auto& [name, family] : sampled) families.push_back(std::move(family));
    return prometheus::TextSerializer().Serialize(families);
}

}  // namespace davenport::metrics
