//! `bulla keys`: the sealing keys of a cluster, their states and their backups.
