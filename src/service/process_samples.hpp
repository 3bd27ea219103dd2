#pragma once

#include "davenport/metrics/registry.hpp"

namespace davenport::service {

// The figures that Prometheus' clients show of every process, by their common names.
void sample_process(metrics::Samples& samples);

}  // namespace davenport::service
