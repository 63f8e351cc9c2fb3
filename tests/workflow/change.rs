//! bulla set, unset, rename, view
