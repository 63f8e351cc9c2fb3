//! `bulla set`, `unset`, `rename` and `view`: one file, one value, every other byte as it was.
