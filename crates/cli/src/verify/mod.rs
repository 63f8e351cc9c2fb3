//! `bulla verify`: what can be known of sealed files without any private key.
