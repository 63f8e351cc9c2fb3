//! A page of docs/ says where ours differs on purpose, and each such place has a case.

use std::collections::BTreeSet;
use std::path::Path;

use super::case::Case;

/// The headings of third level below this one are the differences.
const CHAPTER: &str = "## Differences, on purpose";

/// Headings without a case, and cases without a heading.
pub(crate) fn check(name: &str, cases: &[Case]) -> Result<(), Vec<String>> {
    // The page comes with what it describes.
    let Ok(page) = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name)) else {
        return Ok(());
    };
    let chapter = page.lines().skip_while(|line| *line != CHAPTER).skip(1).take_while(|line| !line.starts_with("## "));
    let headings: BTreeSet<&str> = chapter.filter_map(|line| line.strip_prefix("### ")).collect();
    let used: BTreeSet<&str> = cases.iter().filter_map(|case| case.differs.as_deref()).collect();
    let mut wrong = Vec::new();
    wrong.extend(used.difference(&headings).map(|used| format!("docs/{name} has no `### {used}` in `{CHAPTER}`")));
    wrong.extend(headings.difference(&used).map(|heading| format!("docs/{name}: no case `differs {heading}`")));
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}
