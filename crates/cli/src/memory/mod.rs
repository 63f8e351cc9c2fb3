//! Which sealed value stands for which plaintext, as far as this machine can know it without a private key.
