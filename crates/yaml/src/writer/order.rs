//! The order in which go-yaml v2 writes keys: `a2` before `a10`, other characters before letters.

use std::cmp::Ordering;

/// Sorts by go-yaml v2's `keyList.Less`. That relation is not transitive for every input (numbers of more than 18 digits
/// wrap), on which the standard library's sort may panic; a merge sort always ends.
pub(crate) fn sort_by_key<T>(items: &mut Vec<T>, key: impl Fn(&T) -> &str + Copy) {
    if items.len() < 2 {
        return;
    }
    let mut right = items.split_off(items.len() / 2);
    sort_by_key(items, key);
    sort_by_key(&mut right, key);
    let left = std::mem::take(items);
    items.reserve(left.len() + right.len());
    let (mut left, mut right) = (left.into_iter().peekable(), right.into_iter().peekable());
    while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
        let next = if less(key(r), key(l)) { right.next() } else { left.next() };
        items.extend(next);
    }
    items.extend(left);
    items.extend(right);
}

/// Letters and digits are Rust's alphabetic characters and ASCII digits; Go asks for the categories L and Nd. They differ
/// for a few combining marks and for digits of other scripts.
fn less(a: &str, b: &str) -> bool {
    let shared = a.char_indices().zip(b.chars()).find(|((_, x), y)| x != y);
    let Some(((at, x), y)) = shared else { return a.len() < b.len() };
    match (x.is_alphabetic(), y.is_alphabetic()) {
        (true, true) => return x < y,
        (false, false) => {}
        (_, second) => return second,
    }
    // Zeros after another digit are part of a number, zeros at its start are not.
    let mut seed = 0;
    if x == '0' || y == '0' {
        let digits = a[..at].bytes().rev().take_while(u8::is_ascii_digit);
        seed = i64::from(digits.into_iter().any(|digit| digit != b'0'));
    }
    let (a_number, a_digits) = number(seed, &a[at..]);
    let (b_number, b_digits) = number(seed, &b[at..]);
    let order = a_number.cmp(&b_number).then(a_digits.cmp(&b_digits)).then(x.cmp(&y));
    order == Ordering::Less
}

fn number(seed: i64, text: &str) -> (i64, usize) {
    text.bytes().take_while(u8::is_ascii_digit).fold((seed, 0), |(number, digits), digit| {
        (number.wrapping_mul(10).wrapping_add(i64::from(digit - b'0')), digits + 1)
    })
}
