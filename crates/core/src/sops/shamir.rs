//! Shamir's secret sharing over GF(2^8), as HashiCorp Vault writes shares: 32 bytes of y, then one byte of x.
