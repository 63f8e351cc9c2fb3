//! What differs between a file and its seal, told from the tags. The verdict itself never hangs on a tag: they are short, and there only
//! to find the place.

use std::collections::HashMap;

use super::Breach;
use super::digest::SealKey;
use super::lines::Covered;
use super::text::TAG_BYTES;

/// More places than this help nobody.
const MAX_BREACHES: usize = 8;

/// A line of the file as it is now.
struct Now {
    tag: [u8; TAG_BYTES],
    place: Vec<u8>,
    shown: String,
    binds: bool,
    clear: bool,
}

/// What differs, the first places in the order of the file.
pub(super) fn breaches(covered: &Covered<'_>, key: &SealKey, sealed: &[[u8; TAG_BYTES]]) -> Vec<Breach> {
    let mut now = Vec::new();
    covered.each(&mut |line| {
        now.push(Now {
            tag: line.tag(key),
            place: line.place.to_vec(),
            shown: line.shown.to_string(),
            binds: line.binds,
            clear: line.clear,
        });
    });
    let mut found = differences(&now, sealed);
    found.truncate(MAX_BREACHES);
    found
}

fn differences(now: &[Now], sealed: &[[u8; TAG_BYTES]]) -> Vec<Breach> {
    // By place, in order; what has no partner is left over on either side.
    let mut waiting: HashMap<[u8; 3], Vec<usize>> = HashMap::new();
    for (index, tag) in sealed.iter().enumerate().rev() {
        waiting.entry(place_of(tag)).or_default().push(index);
    }
    let partners: Vec<Option<usize>> =
        now.iter().map(|line| waiting.get_mut(&place_of(&line.tag)).and_then(Vec::pop)).collect();
    let gone: Vec<usize> = {
        let mut gone: Vec<usize> = waiting.into_values().flatten().collect();
        gone.sort_unstable();
        gone
    };
    let new: Vec<usize> = (0..now.len()).filter(|index| partners[*index].is_none()).collect();
    let renamed = are_renamed(now, &new, sealed, &gone);

    let mut found = Vec::new();
    let mut covered: Vec<&[u8]> = Vec::new();
    for (line, partner) in now.iter().zip(&partners) {
        if covered.iter().any(|above| line.place.starts_with(above)) {
            continue;
        }
        let rule = match partner {
            Some(partner) if sealed[*partner] == line.tag => continue,
            Some(partner) => changed(line, sealed[*partner][0]),
            None if line.tag[0] == b'R' => "recipient is not sealed",
            None if renamed => "key changed",
            None => "unexpected item",
        };
        if line.tag[0].is_ascii_lowercase() && (rule == "structure changed" || partner.is_none()) {
            covered.push(&line.place);
        }
        found.push(Breach { rule, path: line.shown.clone() });
    }
    if !renamed {
        found.extend(missing(now, &partners, sealed, &gone, found.is_empty()));
    }
    if found.is_empty() {
        let order = partners.iter().flatten().collect::<Vec<_>>();
        let first = order.windows(2).position(|pair| pair[0] > pair[1]);
        let path = first.map(|at| now[at + 1].shown.clone()).unwrap_or_default();
        found.push(Breach { rule: "order changed", path });
    }
    found
}

/// Two lines of one place that differ.
fn changed(line: &Now, was: u8) -> &'static str {
    let is = line.tag[0];
    let container = |kind: u8| matches!(kind, b'm' | b'l');
    match is {
        b'D' => "documents added or removed",
        b'S' => "selector changed",
        b'T' => "groups changed",
        b'C' | b'G' | b'P' | b'L' => "metadata changed",
        _ if is != was && (container(is) || container(was)) => "structure changed",
        _ if is != was => "type changed",
        b'c' => "comment changed",
        _ if line.binds => "bound to another name",
        _ if line.clear => "clear value changed",
        _ => "value changed",
    }
}

/// Whether the lines without a partner are the same kinds in the same order on both sides: then keys were renamed.
fn are_renamed(now: &[Now], new: &[usize], sealed: &[[u8; TAG_BYTES]], gone: &[usize]) -> bool {
    let kinds = new.iter().map(|index| now[*index].tag[0]);
    !new.is_empty() && new.len() == gone.len() && kinds.eq(gone.iter().map(|index| sealed[*index][0]))
}

/// What was sealed and is there no more. Its place is known by what stood before it.
fn missing(
    now: &[Now],
    partners: &[Option<usize>],
    sealed: &[[u8; TAG_BYTES]],
    gone: &[usize],
    nothing_else: bool,
) -> Vec<Breach> {
    let mut found = Vec::new();
    for (position, index) in gone.iter().enumerate() {
        let rule = if sealed[*index][0] == b'R' { "a sealed recipient is gone" } else { "an item is gone" };
        // One for each run, and only what nothing else explains.
        let runs_on = position > 0 && gone[position - 1] + 1 == *index && rule == "an item is gone";
        if runs_on || (rule == "an item is gone" && !nothing_else) {
            continue;
        }
        let before = partners.iter().rposition(|partner| partner.is_some_and(|partner| partner < *index));
        let path = match before {
            Some(before) if now[before].tag[0].is_ascii_lowercase() => format!("{} (behind it)", now[before].shown),
            _ => "the top level".to_owned(),
        };
        found.push(Breach { rule, path: if rule == "an item is gone" { path } else { String::new() } });
    }
    found
}

fn place_of(tag: &[u8; TAG_BYTES]) -> [u8; 3] {
    [tag[1], tag[2], tag[3]]
}
