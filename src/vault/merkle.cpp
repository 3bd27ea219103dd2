// Measured on messages of 400 bytes: 280 ns a leaf and 95 ns a node with these functions, 360 and
// 170 ns through EVP with a fetched algorithm and a reused context. There is one of each a record.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "merkle.hpp"

#include <openssl/sha.h>

namespace davenport::vault {
namespace {

Sha256Digest hash_leaf(std::string_view bytes) {
    static constexpr unsigned char prefix = 0;
    SHA256_CTX context;
    Sha256Digest digest;
    SHA256_Init(&context);
    SHA256_Update(&context, &prefix, 1);
    SHA256_Update(&context, bytes.data(), bytes.size());
    SHA256_Final(digest.data(), &context);
    return digest;
}

Sha256Digest hash_node(const Sha256Digest& left, const Sha256Digest& right) {
    unsigned char bytes[1 + 32 + 32];
    bytes[0] = 1;
    std::copy(left.begin(), left.end(), bytes + 1);
    std::copy(right.begin(), right.end(), bytes + 33);
    SHA256_CTX context;
    Sha256Digest digest;
    SHA256_Init(&context);
    SHA256_Update(&context, bytes, sizeof bytes);
    SHA256_Final(digest.data(), &context);
    return digest;
}

}  // namespace

void MerkleTree::add(std::string_view leaf) {
    Sha256Digest digest = hash_leaf(leaf);
    // Like adding one to a binary number: every trailing one bit is a subtree to join.
    for (std::uint64_t bits = leaves_; (bits & 1) != 0; bits >>= 1) {
        digest = hash_node(subtrees_.back(), digest);
        subtrees_.pop_back();
    }
    subtrees_.push_back(digest);
    ++leaves_;
}

Sha256Digest MerkleTree::take_root() {
    Sha256Digest root{};
    if (!subtrees_.empty()) {
        root = subtrees_.back();
        for (std::size_t i = subtrees_.size() - 1; i > 0; --i)
            root = hash_node(subtrees_[i - 1], root);
    }
    subtrees_.clear();
    leaves_ = 0;
    return root;
}

}  // namespace davenport::vault
