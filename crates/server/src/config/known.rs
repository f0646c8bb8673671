//! Every setting there is: its name in the file, the variable that goes before it, and its kind.
//! The reference in `docs/operations.md` is held against this table by a test.

/// What a setting's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text in quotes.
    Text,
    /// Text that no message may repeat.
    Secret,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Flag,
    /// Texts; in a variable, separated by commas.
    List,
}

/// A setting.
#[derive(Debug)]
pub(crate) struct Known {
    /// Its name: `smtp.port` is `port` under `[smtp]`.
    pub(crate) name: &'static str,
    /// The environment variable that goes before the file.
    pub(crate) variable: &'static str,
    /// What its value is.
    pub(crate) kind: Kind,
}

const fn known(name: &'static str, variable: &'static str, kind: Kind) -> Known {
    Known {
        name,
        variable,
        kind,
    }
}

/// All settings, in the order of the reference.
pub(crate) const KNOWN: &[Known] = &[
    known("listen", "DAEMUN_LISTEN", Kind::Text),
    known("public_url", "DAEMUN_PUBLIC_URL", Kind::Text),
    known("service_name", "DAEMUN_SERVICE_NAME", Kind::Text),
    known("data", "DAEMUN_DATA", Kind::Text),
    known("contracts", "DAEMUN_CONTRACTS", Kind::List),
    known("trusted_proxies", "DAEMUN_TRUSTED_PROXIES", Kind::List),
    known("allowed_origins", "DAEMUN_ALLOWED_ORIGINS", Kind::List),
    known("metrics_public", "DAEMUN_METRICS_PUBLIC", Kind::Flag),
    known("secrets.master", "DAEMUN_MASTER_KEY", Kind::Secret),
    known("secrets.master_file", "DAEMUN_MASTER_KEY_FILE", Kind::Text),
    known("secrets.legacy", "DAEMUN_LEGACY_SECRET", Kind::Secret),
    known(
        "secrets.legacy_file",
        "DAEMUN_LEGACY_SECRET_FILE",
        Kind::Text,
    ),
    known(
        "secrets.legacy_folder",
        "DAEMUN_LEGACY_SECRET_FOLDER",
        Kind::Text,
    ),
    known("store.accounts", "DAEMUN_STORE_ACCOUNTS", Kind::Secret),
    known(
        "store.accounts_file",
        "DAEMUN_STORE_ACCOUNTS_FILE",
        Kind::Text,
    ),
    known("store.sessions", "DAEMUN_STORE_SESSIONS", Kind::Secret),
    known(
        "store.sessions_file",
        "DAEMUN_STORE_SESSIONS_FILE",
        Kind::Text,
    ),
    known("store.limits", "DAEMUN_STORE_LIMITS", Kind::Text),
    known(
        "store.connections",
        "DAEMUN_STORE_CONNECTIONS",
        Kind::Number,
    ),
    known("smtp.host", "DAEMUN_SMTP_HOST", Kind::Text),
    known("smtp.port", "DAEMUN_SMTP_PORT", Kind::Number),
    known("smtp.tls", "DAEMUN_SMTP_TLS", Kind::Text),
    known("smtp.user", "DAEMUN_SMTP_USER", Kind::Text),
    known("smtp.password", "DAEMUN_SMTP_PASSWORD", Kind::Secret),
    known(
        "smtp.password_file",
        "DAEMUN_SMTP_PASSWORD_FILE",
        Kind::Text,
    ),
    known("smtp.from", "DAEMUN_SMTP_FROM", Kind::Text),
    known(
        "smtp.authority_file",
        "DAEMUN_SMTP_AUTHORITY_FILE",
        Kind::Text,
    ),
    known("smtp.timeout", "DAEMUN_SMTP_TIMEOUT", Kind::Text),
    known("smtp.off", "DAEMUN_SMTP_OFF", Kind::Flag),
    known("sms.url", "DAEMUN_SMS_URL", Kind::Text),
    known("sms.token", "DAEMUN_SMS_TOKEN", Kind::Secret),
    known("sms.token_file", "DAEMUN_SMS_TOKEN_FILE", Kind::Text),
    known("sms.timeout", "DAEMUN_SMS_TIMEOUT", Kind::Text),
    known("sms.off", "DAEMUN_SMS_OFF", Kind::Flag),
    known("tls.cert", "DAEMUN_TLS_CERT", Kind::Text),
    known("tls.key", "DAEMUN_TLS_KEY", Kind::Text),
    known("connections.most", "DAEMUN_CONNECTIONS_MOST", Kind::Number),
    known(
        "connections.body_bytes",
        "DAEMUN_CONNECTIONS_BODY_BYTES",
        Kind::Number,
    ),
    known("connections.drain", "DAEMUN_CONNECTIONS_DRAIN", Kind::Text),
    known(
        "limits.free_failures",
        "DAEMUN_LIMITS_FREE_FAILURES",
        Kind::Number,
    ),
    known(
        "limits.most_failures",
        "DAEMUN_LIMITS_MOST_FAILURES",
        Kind::Number,
    ),
    known(
        "limits.per_address",
        "DAEMUN_LIMITS_PER_ADDRESS",
        Kind::Flag,
    ),
    known("hashing.threads", "DAEMUN_HASHING_THREADS", Kind::Number),
    known("hashing.queue", "DAEMUN_HASHING_QUEUE", Kind::Number),
    known(
        "hashing.memory_kib",
        "DAEMUN_HASHING_MEMORY_KIB",
        Kind::Number,
    ),
    known("hashing.passes", "DAEMUN_HASHING_PASSES", Kind::Number),
    known("keys.signing_age", "DAEMUN_KEYS_SIGNING_AGE", Kind::Text),
    known(
        "retention.sessions",
        "DAEMUN_RETENTION_SESSIONS",
        Kind::Text,
    ),
    known("retention.audit", "DAEMUN_RETENTION_AUDIT", Kind::Text),
    known(
        "retention.unverified",
        "DAEMUN_RETENTION_UNVERIFIED",
        Kind::Text,
    ),
    known("log", "DAEMUN_LOG", Kind::Text),
];

/// Variables of ours that are no settings: read by the command line, by tests and by benchmarks.
const OTHER_VARIABLES: &[&str] = &["DAEMUN_CONFIG", "DAEMUN_TEST_", "DAEMUN_BENCH_"];

/// The setting of that name.
pub(crate) fn by_name(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

/// The setting that variable sets.
pub(crate) fn by_variable(variable: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.variable == variable)
}

/// Whether a variable is ours without being a setting.
pub(crate) fn is_other_variable(variable: &str) -> bool {
    OTHER_VARIABLES
        .iter()
        .any(|other| variable.starts_with(other))
}

/// Whether some setting lies under `[name]`.
pub(crate) fn is_section(name: &str) -> bool {
    KNOWN.iter().any(|known| {
        known
            .name
            .strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('.'))
    })
}

/// The other form of a secret: `smtp.password` for `smtp.password_file`, and the reverse.
pub(crate) fn other_form(known: &Known) -> Option<&'static Known> {
    match known.name.strip_suffix("_file") {
        Some(plain) => by_name(plain),
        None => by_name(&format!("{}_file", known.name)),
    }
}

/// The name among `names` that was probably meant by `wrong`.
pub(crate) fn nearest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    names
        .map(|name| (distance(wrong, name), name))
        .filter(|(distance, name)| *distance <= name.len().min(wrong.len()) / 3)
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be put in, taken out, changed, or swapped with their neighbour (optimal
/// string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    let at = |rows: &[Vec<usize>], i: usize, j: usize| {
        let row = rows.get(i);
        row.and_then(|row| row.get(j)).copied().unwrap_or(0)
    };
    for (i, x) in a.iter().enumerate() {
        rows.push(vec![i + 1]);
        for (j, y) in b.iter().enumerate() {
            let changed = at(&rows, i, j) + usize::from(x != y);
            let one_sided = at(&rows, i, j + 1).min(at(&rows, i + 1, j)) + 1;
            let swaps = i > 0 && j > 0 && a.get(i - 1) == Some(y) && b.get(j - 1) == Some(x);
            let swapped = if swaps {
                at(&rows, i - 1, j - 1) + 1
            } else {
                changed
            };
            let least = changed.min(one_sided).min(swapped);
            rows.last_mut().into_iter().for_each(|row| row.push(least));
        }
    }
    at(&rows, a.len(), b.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_variables_are_unique() {
        for (at, one) in KNOWN.iter().enumerate() {
            for other in &KNOWN[at + 1..] {
                assert_ne!(one.name, other.name);
                assert_ne!(one.variable, other.variable);
            }
        }
    }

    #[test]
    fn every_secret_can_stand_in_a_file_of_its_own() {
        for secret in KNOWN.iter().filter(|known| known.kind == Kind::Secret) {
            let file = other_form(secret).unwrap_or_else(|| panic!("{} has none", secret.name));
            assert_eq!(file.variable, format!("{}_FILE", secret.variable));
        }
    }

    #[test]
    fn a_slip_of_the_pen_is_understood() {
        let names = || KNOWN.iter().map(|known| known.name);
        assert_eq!(nearest("public_ulr", names()), Some("public_url"));
        assert_eq!(nearest("smtp.hots", names()), Some("smtp.host"));
        assert_eq!(nearest("colour", names()), None);
        assert_eq!(nearest("smtp.prot", names()), Some("smtp.port"));
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("prot", "port"), 1);
    }

    #[test]
    fn the_example_of_several_nodes_sets_what_there_is() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../compose.yaml");
        let compose = std::fs::read_to_string(path).unwrap();
        let keys = compose
            .lines()
            .filter_map(|line| line.trim().split_once(": "));
        let ours: Vec<&str> = keys
            .map(|(key, _)| key)
            .filter(|key| key.starts_with("DAEMUN_"))
            .collect();
        assert!(ours.len() > 5, "{ours:?}");
        for variable in ours {
            assert!(by_variable(variable).is_some(), "{variable} is no setting");
        }
    }

    #[test]
    fn every_setting_is_in_the_reference() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/operations.md");
        let reference = std::fs::read_to_string(path).unwrap();
        for known in KNOWN {
            for word in [known.name, known.variable] {
                let word = format!("`{word}`");
                assert!(
                    reference.contains(&word),
                    "{word} is not in docs/operations.md"
                );
            }
        }
    }
}
