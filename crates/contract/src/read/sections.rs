//! The sections about accounts, sessions and codes. Each key has a default, so each section may be
//! left out.

use std::time::Duration;

use daemun_engine::{
    address::IdentifierKinds,
    code::{CodeAlphabet, CodePolicy},
    policy::{Locale, SessionPolicy},
    profile::ProfileField,
    session::RotationPolicy,
};

use crate::{
    contract::{Callers, Loopback},
    read::{entry::Entry, file::Fields},
};

const DAY: Duration = Duration::from_secs(86_400);

/// `[contract]`.
pub(crate) struct Head {
    pub(crate) name: String,
    pub(crate) summary: String,
    pub(crate) locales: Vec<Locale>,
    /// Texts that count as nothing where a token stands.
    pub(crate) absent: Vec<Box<str>>,
}

pub(crate) fn head(root: &Fields<'_>) -> Head {
    let mut head = Head {
        name: String::new(),
        summary: String::new(),
        locales: Vec::new(),
        absent: Vec::new(),
    };
    let Some(fields) = root
        .need("contract", "[contract] with a name and locales")
        .and_then(|entry| entry.table("[contract]"))
    else {
        head.locales.push(Locale::En);
        return head;
    };
    if let Some(entry) = fields.need("name", "name = \"ours\"") {
        head.name = name(&entry).unwrap_or_default();
    }
    if let Some(entry) = fields.get("summary") {
        head.summary = entry.text().unwrap_or_default().to_owned();
    }
    if let Some(entry) = fields.need("locales", "locales = [\"ko\"]") {
        head.locales = locales(&entry);
    }
    if let Some(entry) = fields.get("absent") {
        head.absent = entry.texts().into_iter().map(Box::from).collect();
    }
    if head.locales.is_empty() {
        head.locales.push(Locale::En);
    }
    fields.finish();
    head
}

/// The name stands in tokens, in URLs and in file names.
fn name(entry: &Entry<'_>) -> Option<String> {
    let text = entry.text()?;
    let sound = (1..=40).contains(&text.len())
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !sound {
        entry.fault(
            format!("a contract cannot be called `{text}`"),
            "up to 40 lower-case letters, digits and hyphens, a letter first",
        );
    }
    if sound && text == "admin" {
        entry.fault("`admin` is the name of the admin API", "another name");
        return None;
    }
    sound.then(|| text.to_owned())
}

fn locales(entry: &Entry<'_>) -> Vec<Locale> {
    let mut locales = Vec::new();
    for tag in entry.texts() {
        match Locale::from_tag(tag) {
            Some(locale) if locales.contains(&locale) => {
                entry.fault(format!("the locale `{tag}` stands twice"), "it once");
            }
            Some(locale) => locales.push(locale),
            None => {
                let tags: Vec<&str> = Locale::ALL.iter().map(|locale| locale.tag()).collect();
                let known = crate::read::say::or_list(&tags);
                entry.fault(format!("there is no locale `{tag}`"), known);
            }
        }
    }
    locales
}

/// `[accounts]`.
pub(crate) struct AccountRules {
    pub(crate) identifiers: IdentifierKinds,
    pub(crate) conceal: bool,
    pub(crate) status_first: bool,
    pub(crate) password_min: usize,
    pub(crate) nickname_max: usize,
    pub(crate) fields: Vec<ProfileField>,
    /// Where `confirm_address` is switched off.
    pub(crate) confirm_at: Option<usize>,
    /// Where `conceal` was settled, or the section begins.
    pub(crate) conceal_at: usize,
    /// Where `status_first` is switched on.
    pub(crate) status_first_at: Option<usize>,
}

pub(crate) fn accounts(root: &Fields<'_>) -> AccountRules {
    let mut rules = AccountRules {
        identifiers: IdentifierKinds {
            email: true,
            phone: false,
        },
        conceal: true,
        status_first: false,
        password_min: 8,
        nickname_max: 50,
        fields: Vec::new(),
        confirm_at: None,
        conceal_at: root.at,
        status_first_at: None,
    };
    let Some(fields) = section(root, "accounts") else {
        return rules;
    };
    rules.conceal_at = fields.at;
    if let Some(entry) = fields.get("identifiers") {
        rules.identifiers = identifiers(&entry);
    }
    if let Some(entry) = fields.get("conceal") {
        rules.conceal = entry.boolean().unwrap_or(true);
        rules.conceal_at = entry.at;
    }
    if let Some(entry) = fields.get("status_first") {
        rules.status_first = entry.boolean().unwrap_or(false);
        rules.status_first_at = rules.status_first.then_some(entry.at);
        if rules.status_first && rules.conceal {
            entry.fault(
                "`status_first` tells that an account exists, and `conceal` forbids that",
                "status_first = false, or conceal = false",
            );
        }
    }
    if let Some(entry) = fields.get("password_min") {
        rules.password_min = entry.number(8..129).map_or(8, |number| number as usize);
    }
    if let Some(entry) = fields.get("nickname_max") {
        rules.nickname_max = entry.number(1..201).map_or(50, |number| number as usize);
    }
    if let Some(entry) = fields.get("confirm_address") {
        let confirm = entry.boolean().unwrap_or(true);
        rules.confirm_at = (!confirm).then_some(entry.at);
        if !confirm && rules.conceal {
            entry.fault(
                "a sign-up that can be used at once tells that the address was free, and `conceal` forbids that",
                "confirm_address = true, or conceal = false",
            );
        }
    }
    rules.fields = super::fields::fields(&fields);
    fields.finish();
    rules
}

fn identifiers(entry: &Entry<'_>) -> IdentifierKinds {
    let mut kinds = IdentifierKinds {
        email: false,
        phone: false,
    };
    let texts = entry.texts();
    for kind in &texts {
        match *kind {
            "email" => kinds.email = true,
            "phone" => kinds.phone = true,
            other => entry.fault(
                format!("there is no identifier `{other}`"),
                "`email` or `phone`",
            ),
        }
    }
    if texts.is_empty() {
        entry.fault(
            "people need something to log in with",
            "identifiers = [\"email\"], [\"phone\"] or both",
        );
    }
    kinds
}

/// `[sessions]`.
pub(crate) fn sessions(root: &Fields<'_>) -> SessionPolicy {
    let mut policy = SessionPolicy {
        absolute: 90 * DAY,
        keep: None,
        one_per_subject: false,
        rotation: RotationPolicy::default(),
    };
    let Some(fields) = section(root, "sessions") else {
        return policy;
    };
    let duration = |key, shortest| fields.get(key).and_then(|e| e.duration(shortest));
    if let Some(absolute) = duration("absolute", 1) {
        policy.absolute = absolute;
    }
    policy.keep = duration("keep", 1);
    if let Some(grace) = duration("grace", 0) {
        policy.rotation.grace = grace;
    }
    let gap = fields.get("recovery_gap");
    if let Some(gap) = gap.and_then(|entry| entry.number(0..1_000)) {
        policy.rotation.recovery_gap = (gap > 0).then_some(u64::from(gap));
    }
    let any_client = fields.get("any_client");
    if let Some(any_client) = any_client.and_then(|entry| entry.boolean()) {
        policy.rotation.any_client = any_client;
    }
    let counts = [("one", true), ("many", false)];
    let per_subject = fields.get("per_subject");
    if let Some(one) = per_subject.and_then(|entry| entry.word(&counts)) {
        policy.one_per_subject = one;
    }
    fields.finish();
    policy
}

/// `[callers]`: who is trusted to name subjects. The switches that are on, and where.
pub(crate) fn callers(root: &Fields<'_>) -> (Callers, Vec<(&'static str, usize)>) {
    let mut callers = Callers::default();
    let mut switches = Vec::new();
    let Some(fields) = section(root, "callers") else {
        return (callers, switches);
    };
    let when = [
        ("in_dev", Loopback::InDev),
        ("always", Loopback::Always),
        ("never", Loopback::Never),
    ];
    if let Some(entry) = fields.get("loopback") {
        callers.loopback = entry.word(&when).unwrap_or_default();
        if callers.loopback == Loopback::Always {
            switches.push(("loopback", entry.at));
        }
    }
    if let Some(entry) = fields.get("open") {
        callers.open = entry.boolean().unwrap_or(false);
        if callers.open {
            switches.push(("open", entry.at));
        }
    }
    fields.finish();
    (callers, switches)
}

/// `[codes]`. A code that goes out by mail is looked for later than one that goes out by text
/// message, so the default lifetime is longer where there is mail.
pub(crate) fn codes(root: &Fields<'_>, kinds: IdentifierKinds) -> CodePolicy {
    let minutes = if kinds.phone { 10 } else { 60 };
    let mut policy = CodePolicy {
        alphabet: CodeAlphabet::Digits,
        length: 6,
        lifetime: Duration::from_secs(60 * minutes),
        tries: 5,
        resend_gap: Duration::from_secs(60),
        daily_cap: 10,
    };
    let Some(fields) = section(root, "codes") else {
        return policy;
    };
    let alphabets = [
        ("digits", CodeAlphabet::Digits),
        ("upper_alphanumeric", CodeAlphabet::UpperAlphanumeric),
    ];
    if let Some(alphabet) = fields.get("alphabet").and_then(|e| e.word(&alphabets)) {
        policy.alphabet = alphabet;
    }
    if let Some(length) = fields.get("length").and_then(|e| e.number(6..65)) {
        policy.length = length as usize;
    }
    if let Some(entry) = fields.get("lifetime") {
        policy.lifetime = entry.duration(1).unwrap_or(policy.lifetime);
        if policy.lifetime > DAY {
            entry.fault("a code lives for a day at most", "lifetime = \"1h\"");
        }
    }
    if let Some(tries) = fields.get("tries").and_then(|e| e.number(1..11)) {
        policy.tries = tries;
    }
    if let Some(gap) = fields.get("resend_gap").and_then(|e| e.duration(1)) {
        policy.resend_gap = gap;
    }
    if let Some(cap) = fields.get("daily_cap").and_then(|e| e.number(1..101)) {
        policy.daily_cap = cap;
    }
    fields.finish();
    policy
}

pub(crate) fn section<'f>(root: &Fields<'f>, key: &'f str) -> Option<Fields<'f>> {
    root.get(key)?.table(format!("[{key}]"))
}
