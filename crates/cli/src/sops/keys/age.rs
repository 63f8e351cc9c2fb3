//! age identities: every place where the real tool looks for them, in its order.
