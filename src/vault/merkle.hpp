#pragma once

#include "davenport/base/hash.hpp"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace davenport::vault {

// A Merkle tree, grown leaf by leaf; holds one digest a level. The shape is RFC 6962's:
//   leaf = SHA-256(0x00 ‖ bytes)      node = SHA-256(0x01 ‖ left ‖ right)
//   a tree of n > 1 leaves splits at the largest power of two below n
// The two prefixes keep a node from being passed off as a leaf. Not thread-safe.
class MerkleTree {
  public:
    void add(std::string_view leaf);
    // Of at least one leaf; the tree is empty afterwards.
    Sha256Digest take_root();

  private:
    // Roots of whole subtrees, the largest first; their sizes are the one bits of the leaf count.
    std::vector<Sha256Digest> subtrees_;
    std::uint64_t leaves_ = 0;
};

Sha256Digest merkle_leaf(std::string_view bytes);
// The siblings on the way from leaf `index` to the root of the tree over `leaves` (their digests),
// from below.
std::vector<Sha256Digest> merkle_path(std::span<const Sha256Digest> leaves, std::size_t index);
// The root to which such a path leads; nullopt when it is no path of leaf `index` of `count`.
std::optional<Sha256Digest> merkle_root_of(const Sha256Digest& leaf, std::uint64_t index,
                                           std::uint64_t count, std::span<const Sha256Digest> path);

}  // namespace davenport::vault
