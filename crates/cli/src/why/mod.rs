//! `bulla why`: why a SealedSecret does not open, and the command that mends it.
