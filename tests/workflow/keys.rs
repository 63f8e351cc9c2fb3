//! `bulla keys` from outside, on a cluster with a controller: what is written, what is refused, and that no byte of a private key is
//! ever shown or left on a disk.

mod asked;
mod backup;
mod bad;
mod desk;
mod guide;
mod retire;
mod status;
