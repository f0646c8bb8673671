//! Which of a contract's languages a request wants.

use daemun_engine::policy::Locale;

/// The index of the locale that an `Accept-Language` header (RFC 9110 §12.5.4) asks for most; 0
/// where it asks for none of them.
pub(crate) fn choose(header: &str, locales: &[Locale]) -> usize {
    let ranges: Vec<(&str, u16)> = header.split(',').take(20).filter_map(range).collect();
    let mut best = (0, 0);
    for (index, locale) in locales.iter().enumerate() {
        let quality = quality(&ranges, *locale);
        if quality > best.1 {
            best = (index, quality);
        }
    }
    best.0
}

/// A language range and its weight in thousandths.
fn range(part: &str) -> Option<(&str, u16)> {
    let mut pieces = part.split(';');
    let tag = pieces.next()?.trim();
    let weight = match pieces.next() {
        Some(weight) => {
            let weight: f32 = weight.trim().strip_prefix("q=")?.parse().ok()?;
            (weight.clamp(0.0, 1.0) * 1000.0) as u16
        }
        None => 1000,
    };
    (!tag.is_empty()).then_some((tag, weight))
}

/// What the header gives a locale: by its own language, else by `*`.
fn quality(ranges: &[(&str, u16)], locale: Locale) -> u16 {
    let of = |wanted: &str| {
        let same = |(tag, _): &&(&str, u16)| {
            let language = tag.split('-').next().unwrap_or(tag);
            language.eq_ignore_ascii_case(wanted)
        };
        ranges.iter().filter(same).map(|(_, weight)| *weight).max()
    };
    of(locale.tag()).or_else(|| of("*")).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_asked_for_most_is_chosen_and_the_first_otherwise() {
        let locales = [Locale::En, Locale::Ko];
        for (header, index) in [
            ("", 0),
            ("ko", 1),
            ("ko-KR,ko;q=0.9,en-US;q=0.8,en;q=0.7", 1),
            ("en-US,en;q=0.9,ko;q=0.8", 0),
            ("ja,*;q=0.5", 0),
            ("ja,ko;q=0.1", 1),
            ("KO-kr", 1),
            ("en;q=0,ko;q=0.1", 1),
            ("*;q=0.5,ko;q=0.4,en;q=0.3", 1),
            (";;;,q=,ko;q=banana,,", 0),
        ] {
            assert_eq!(choose(header, &locales), index, "{header}");
        }
    }
}
