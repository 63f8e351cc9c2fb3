//! Shamir's secret sharing over GF(2^8) with the polynomial x^8 + x^4 + x^3 + x + 1, as HashiCorp Vault writes shares: the bytes of y,
//! then one byte of x.
//!
//! Secrets and shares are never used as an index or in a branch: multiplication is shifts and masks. The x of a share is public.

use zeroize::Zeroizing;

use super::Error;

/// Splits `secret` into `shares` parts of which any `threshold` give it back.
///
/// # Errors
/// [`Error::Shamir`] for numbers outside of 2 ≤ threshold ≤ shares ≤ 255, [`Error::RandomGenerator`].
pub(super) fn split(secret: &[u8], shares: usize, threshold: usize) -> Result<Vec<Zeroizing<Vec<u8>>>, Error> {
    let refuse = |text: &str| Err(Error::Shamir(text.to_owned()));
    match (shares, threshold) {
        _ if shares < threshold => return refuse("parts cannot be less than threshold"),
        (256.., _) => return refuse("parts cannot exceed 255"),
        (_, ..2) => return refuse("threshold must be at least 2"),
        _ if secret.is_empty() => return refuse("cannot split an empty secret"),
        _ => {}
    }
    // For each byte of the secret a polynomial: the byte, then threshold - 1 random coefficients.
    let mut coefficients = Zeroizing::new(vec![0; secret.len() * (threshold - 1)]);
    aws_lc_rs::rand::fill(&mut coefficients).map_err(|_| Error::RandomGenerator)?;
    Ok((1..=shares)
        .map(|share| {
            // At most 255, as was checked.
            let x = share as u8;
            let mut part = Zeroizing::new(Vec::with_capacity(secret.len() + 1));
            part.extend(secret.iter().zip(coefficients.chunks(threshold - 1)).map(|(byte, polynomial)| {
                let value = polynomial.iter().rev().fold(0, |value, coefficient| multiply(value, x) ^ coefficient);
                multiply(value, x) ^ byte
            }));
            part.push(x);
            part
        })
        .collect())
}

/// Puts shares together, all that there are. Too few shares give another secret, not an error: nobody can tell.
///
/// # Errors
/// [`Error::Shamir`] for shares that cannot belong together.
pub(super) fn combine(shares: &[impl AsRef<[u8]>]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let refuse = |text: &str| Err(Error::Shamir(text.to_owned()));
    let Some(length) = shares.first().map(|share| share.as_ref().len()).filter(|_| shares.len() >= 2) else {
        return refuse("less than two parts cannot be used to reconstruct the secret");
    };
    if length < 2 {
        return refuse("parts must be at least two bytes");
    }
    let mut xs = Vec::with_capacity(shares.len());
    for share in shares {
        let share = share.as_ref();
        if share.len() != length {
            return refuse("all parts must be the same length");
        }
        let x = share[length - 1];
        // A share at 0 would be the secret itself.
        if x == 0 {
            return refuse("a part has the number 0");
        }
        if xs.contains(&x) {
            return refuse("duplicate part detected");
        }
        xs.push(x);
    }
    let mut secret = Zeroizing::new(vec![0; length - 1]);
    for (share, x) in shares.iter().zip(&xs) {
        // Lagrange's basis polynomial of this share at 0.
        let basis = xs
            .iter()
            .filter(|other| *other != x)
            .fold(1, |basis, other| multiply(basis, multiply(*other, inverse(*other ^ x))));
        for (byte, y) in secret.iter_mut().zip(share.as_ref()) {
            *byte ^= multiply(*y, basis);
        }
    }
    Ok(secret)
}

/// The product, without a branch or an index that depends on the factors.
fn multiply(a: u8, b: u8) -> u8 {
    let mut product = 0;
    let mut a = a;
    for bit in 0..8 {
        product ^= a & 0u8.wrapping_sub(b >> bit & 1);
        a = a << 1 ^ 0x1b & 0u8.wrapping_sub(a >> 7);
    }
    product
}

/// The inverse, as the 254th power; 0 for 0.
fn inverse(a: u8) -> u8 {
    let square = |a| multiply(a, a);
    // 254 = 0b11111110
    let mut power = a;
    for _ in 0..6 {
        power = multiply(square(power), a);
    }
    square(power)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_field_is_one() {
        // The example of FIPS 197, 4.2.
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        for a in 1..=255 {
            assert_eq!(multiply(a, inverse(a)), 1, "{a}");
            assert_eq!(multiply(a, 1), a);
        }
        assert_eq!(inverse(0), 0);
    }

    #[test]
    fn any_threshold_of_shares_gives_the_secret() {
        let secret = *b"0123456789abcdef0123456789abcdef";
        let shares = split(&secret, 5, 3).unwrap();
        assert!(shares.iter().all(|share| share.len() == 33));
        for (a, b, c) in [(0, 1, 2), (4, 2, 0), (1, 3, 4)] {
            assert_eq!(&**combine(&[&**shares[a], &**shares[b], &**shares[c]]).unwrap(), &secret);
        }
        assert_eq!(&**combine(&shares).unwrap(), &secret);
        assert_ne!(&**combine(&shares[..2]).unwrap(), &secret);
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (shares, threshold) in [(1, 2), (256, 2), (3, 1), (3, 0)] {
            assert!(split(b"secret", shares, threshold).is_err(), "{shares} {threshold}");
        }
        assert_eq!(split(b"secret", 255, 255).unwrap().len(), 255);
        for shares in [
            &[&b"a\x01"[..]][..],
            &[b"a\x01", b"b\x01"],
            &[b"a\x01", b"bc\x02"],
            &[b"\x01", b"\x02"],
            &[b"a\x00", b"b\x01"],
        ] {
            assert!(combine(shares).is_err());
        }
    }
}
