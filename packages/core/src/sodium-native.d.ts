/** The part of sodium-native 5.1 that this package uses. Lengths are checked by the package, which throws. */
declare module 'sodium-native' {
  const sodium: {
    randombytes_buf(target: Uint8Array): void
    crypto_sign_seed_keypair(publicKey: Uint8Array, secretKey: Uint8Array, seed: Uint8Array): void
    crypto_sign_detached(signature: Uint8Array, message: Uint8Array, secretKey: Uint8Array): void
    crypto_sign_verify_detached(
      signature: Uint8Array,
      message: Uint8Array,
      publicKey: Uint8Array,
    ): boolean
    crypto_sign_ed25519_pk_to_curve25519(target: Uint8Array, publicKey: Uint8Array): void
    crypto_sign_ed25519_sk_to_curve25519(target: Uint8Array, secretKey: Uint8Array): void
    crypto_scalarmult(target: Uint8Array, secretKey: Uint8Array, publicKey: Uint8Array): void
    crypto_scalarmult_base(target: Uint8Array, secretKey: Uint8Array): void
    crypto_auth(target: Uint8Array, message: Uint8Array, key: Uint8Array): void
    crypto_secretbox_easy(
      target: Uint8Array,
      plaintext: Uint8Array,
      nonce: Uint8Array,
      key: Uint8Array,
    ): void
    crypto_secretbox_open_easy(
      target: Uint8Array,
      ciphertext: Uint8Array,
      nonce: Uint8Array,
      key: Uint8Array,
    ): boolean
  }
  export = sodium
}
