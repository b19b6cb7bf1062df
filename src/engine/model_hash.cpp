// SHA-256 by OpenSSL's libcrypto.
#include "engine/model_hash.h"

#include <openssl/evp.h>

#include <memory>

#include "tensor/error.h"

namespace tensile {

ModelKey hash_model(std::span<const std::byte> manifest, std::span<const std::byte> weights) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
    ModelKey key{};
    unsigned int length = 0;
    const bool done = context != nullptr && EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr) == 1 &&
                      EVP_DigestUpdate(context.get(), manifest.data(), manifest.size()) == 1 &&
                      EVP_DigestUpdate(context.get(), weights.data(), weights.size()) == 1 &&
                      EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(key.data()), &length) == 1;
    if (!done || length != key.size()) throw InternalError("could not compute SHA-256");
    return key;
}

std::string short_name(const ModelKey& key) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string name;
    for (std::size_t i = 0; i < 4; ++i) {
        const auto byte = static_cast<unsigned>(key[i]);
        name += kDigits[byte >> 4];
        name += kDigits[byte & 15];
    }
    return name;
}

}  // namespace tensile
