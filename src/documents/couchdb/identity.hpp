#pragma once

#include "place.hpp"

namespace davenport::documents::couchdb {

// What tells this creation of a database from others of the same name.
//
// Apache CouchDB (3.3 and later) says when a database was created, in seconds; that and the
// server's uuid need nothing to be written. All nodes of a cluster must have one uuid, as its
// set-up asks for: another uuid looks like another database, which costs a full backup. Elsewhere
// the document
// `_local/davenport_identity` holds a random name: it is never replicated and goes with the
// database. Empty where neither is to be had, which makes every backup a full one.
//
// `info` is the database's own description.
Result<std::string> read_identity(const Place& place, const json::object& info);

}  // namespace davenport::documents::couchdb
