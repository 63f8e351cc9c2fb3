//! `bulla edit`: a SealedSecret in an editor; only the values that changed are sealed again.
