//! Files of a work tree: which ones are meant, and which documents they hold.
