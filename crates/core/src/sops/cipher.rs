//! Values in their encrypted form: `ENC[AES256_GCM,data:…,iv:…,tag:…,type:…]`, AES-256 in Galois counter mode with a nonce of 32 bytes.

/// The key that the values of one file are encrypted with.
pub struct DataKey(zeroize::Zeroizing<[u8; 32]>);

/// The nonces of the values that were decrypted, by path and plaintext: what did not change keeps its ciphertext.
#[derive(Default)]
pub struct Nonces {
    _private: (),
}
