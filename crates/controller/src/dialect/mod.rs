//! What a kind of sealed object states. Every kind differs only in this; all the rest of the controller is shared.
//!
//! There is one kind so far, so there is no trait yet: [`sealed_secret`] is a module with the two functions that each
//! further kind will have, `opened(object, keys, hints) -> Opened | why not`, which costs RSA, and `rendered(opened) -> Desired |
//! why not`, which runs templates. The trait comes with the second kind.

pub(crate) mod sealed_secret;
pub(crate) mod templates;
