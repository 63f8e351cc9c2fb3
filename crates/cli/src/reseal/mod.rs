//! `bulla reseal`: values that an older key sealed are sealed again with the newest, in place.
