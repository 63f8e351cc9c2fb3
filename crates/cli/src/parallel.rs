//! Work on many items at once, results in the order of the items.
