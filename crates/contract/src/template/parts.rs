//! Cutting a string at its placeholders.

/// A part of a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part<'t> {
    /// Text as it is.
    Text(&'t str),
    /// A placeholder.
    Name {
        /// What stands between the braces, trimmed.
        name: &'t str,
        /// The placeholder as it is written, braces and all.
        written: &'t str,
    },
}

/// A `{{` without its `}}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unclosed;

/// Cuts `text` at its placeholders. There are no empty parts.
pub(crate) fn split(text: &str) -> Result<Vec<Part<'_>>, Unclosed> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let (before, from) = rest.split_at(open);
        let close = from.find("}}").ok_or(Unclosed)?;
        let (written, after) = from.split_at(close + 2);
        if !before.is_empty() {
            parts.push(Part::Text(before));
        }
        let name = written.trim_start_matches('{').trim_end_matches('}').trim();
        parts.push(Part::Name { name, written });
        rest = after;
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_cut_at_its_placeholders() {
        let name = |name, written| Part::Name { name, written };
        assert_eq!(split(""), Ok(vec![]));
        assert_eq!(split("a } b { c"), Ok(vec![Part::Text("a } b { c")]));
        assert_eq!(
            split("가{{ access }}나{{refresh}}"),
            Ok(vec![
                Part::Text("가"),
                name("access", "{{ access }}"),
                Part::Text("나"),
                name("refresh", "{{refresh}}"),
            ])
        );
        assert_eq!(split("a {{access"), Err(Unclosed));
    }
}
