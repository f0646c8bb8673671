//! The commonest passwords: a sorted list in the binary, searched where it lies.

/// A header, an empty line, then one password a line: lower case, in byte order, none shorter than
/// 8 characters since no contract takes shorter ones.
const FILE: &str = include_str!("common-passwords.txt");

/// Whether `folded` (NFC, lower case) is among the commonest passwords.
pub(super) fn contains(folded: &str) -> bool {
    let mut rest = entries();
    while !rest.is_empty() {
        let (before, line, after) = split_at_middle(rest);
        match folded.cmp(line) {
            std::cmp::Ordering::Less => rest = before,
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Greater => rest = after,
        }
    }
    false
}

fn entries() -> &'static str {
    FILE.split_once("\n\n").map_or("", |(_, entries)| entries)
}

/// The line around the middle, and the whole lines before and after it.
fn split_at_middle(lines: &str) -> (&str, &str, &str) {
    let middle = lines.floor_char_boundary(lines.len() / 2);
    let (head, tail) = lines.split_at(middle);
    let start = head.rfind('\n').map_or(0, |at| at + 1);
    let (before, rest) = lines.split_at(start);
    let end = tail.find('\n').map_or(rest.len(), |at| middle + at - start);
    let (line, after) = rest.split_at(end);
    (before, line, after.strip_prefix('\n').unwrap_or_default())
}

#[cfg(test)]
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    entries().lines()
}
