//! What a kind of sealed object states. Every kind differs only in this; all the rest of the controller is shared.
//!
//! There is one kind so far, so there is no trait yet: [`sealed_secret`] is a module with the one function that each
//! further kind will have, `desired(object, keys, hints) -> Desired | why not`. The trait comes with the second kind.

pub(crate) mod sealed_secret;
