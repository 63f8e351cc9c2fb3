//! Types that hold plaintext and key material.
//!
//! They clear their memory when dropped, and have neither `Debug`, `Display`, `Clone` nor `Serialize`, so that a value
//! cannot reach a log, an error or a manifest by accident. [`SecretBytes::expose`] and [`SecretText::expose`] are the only
//! ways in: `grep -rn 'expose()'` lists every place that touches a plaintext.

use zeroize::Zeroizing;

/// Bytes that must not leak: a decrypted value, a content key.
pub struct SecretBytes(Zeroizing<Vec<u8>>);

impl SecretBytes {
    /// Takes ownership of `bytes`; they are cleared when the result is dropped.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// The plaintext.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes. An empty value is a legal value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Zeroizing<Vec<u8>>> for SecretBytes {
    fn from(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }
}

/// Text that must not leak: a private key in PEM, a manifest with values in it.
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// The plaintext.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<Zeroizing<String>> for SecretText {
    fn from(text: Zeroizing<String>) -> Self {
        Self(text)
    }
}
