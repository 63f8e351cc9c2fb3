//! PGP: gpg where it is installed, our own reading of keyrings where it is not.
