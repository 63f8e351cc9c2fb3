//! bulla reseal
