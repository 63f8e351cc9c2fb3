//! What the file says, as a table.
