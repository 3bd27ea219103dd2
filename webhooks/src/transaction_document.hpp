#pragma once

#include "davenport/webhooks/transactions.hpp"

#include <string>
#include <string_view>

namespace davenport::webhooks {

std::string transaction_document_id(std::string_view tx_id);
json::object to_body(const Transaction& transaction);
Result<Transaction> transaction_of(const json::object& body);

}  // namespace davenport::webhooks
