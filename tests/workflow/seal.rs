//! bulla seal: inputs, trees, certificates
