//! bulla edit
