//! bulla doctor
