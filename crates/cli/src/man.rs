//! `bulla man`: manual pages.
