//! `bulla doctor`: what is wrong here, and its cure.
