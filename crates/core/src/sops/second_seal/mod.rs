//! The second seal: two digests in the extension key `bulla` of the metadata, over what the MAC does not cover.
