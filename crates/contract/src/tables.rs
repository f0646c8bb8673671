//! The vocabulary as tables for the manual, made from the engine's own so that the two agree.

use std::fmt::Write as _;

use daemun_engine::vocabulary::{Input, Operation, Outcome, REASONS, Slot};

use crate::read::CLAIM_VALUES;

/// The words contracts are written in, as Markdown: operations with their inputs, outcomes and
/// values; outcomes with their meanings; values; claim values.
#[must_use]
pub fn vocabulary_tables() -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write_tables(&mut text);
    text
}

fn write_tables(out: &mut String) -> std::fmt::Result {
    writeln!(out, "### Operations\n")?;
    for operation in Operation::ALL {
        write_operation(operation, out)?;
    }
    writeln!(out, "### Outcomes of every route\n")?;
    writeln!(out, "{}.\n", names(Outcome::OF_EVERY_ROUTE, Outcome::name))?;
    writeln!(out, "### Outcomes of the guard\n")?;
    writeln!(out, "{}.\n", names(Outcome::OF_THE_GUARD, Outcome::name))?;
    writeln!(out, "### What outcomes mean\n")?;
    writeln!(
        out,
        "| outcome | meaning | values besides those of every answer |\n|---|---|---|"
    )?;
    for outcome in Outcome::ALL {
        let values = match outcome {
            Outcome::Ok => "by operation, see above".to_owned(),
            other => names(other.slots(), Slot::name),
        };
        let falls_back = outcome.falls_back_to().map_or(String::new(), |other| {
            format!(" Answered as `{}` where not stated.", other.name())
        });
        writeln!(
            out,
            "| `{}` | {}{falls_back} | {values} |",
            outcome.name(),
            outcome_meaning(outcome)
        )?;
    }
    writeln!(out, "\n### Inputs\n\n| input | what it is |\n|---|---|")?;
    for input in Input::ALL {
        writeln!(out, "| `{}` | {} |", input.name(), input_meaning(input))?;
    }
    let declared = input_meaning(Input::Profile(0));
    writeln!(out, "| `profile.NAME` | {declared} |")?;
    writeln!(out, "\n### Values\n")?;
    writeln!(
        out,
        "Every answer can show {}.\n",
        names(Slot::OF_EVERY_ANSWER, Slot::name)
    )?;
    writeln!(out, "| value | what it is |\n|---|---|")?;
    for slot in Slot::ALL {
        writeln!(
            out,
            "| `{{{{{}}}}}` | {} |",
            slot.name(),
            slot_meaning(slot)
        )?;
    }
    let declared = slot_meaning(Slot::AccountProfile(0));
    writeln!(out, "| `{{{{account.profile.NAME}}}}` | {declared} |")?;
    writeln!(
        out,
        "\n### Reasons\n\n| reason | what is wrong |\n|---|---|"
    )?;
    for (reason, wider) in REASONS {
        let wider = wider.map_or(String::new(), |wider| {
            format!("; answered as `{wider}` where not stated")
        });
        writeln!(out, "| `{reason}` | {}{wider} |", reason_meaning(reason))?;
    }
    writeln!(
        out,
        "\n### Values of claims\n\n| value | what it is |\n|---|---|"
    )?;
    for (name, meaning, _) in CLAIM_VALUES {
        writeln!(out, "| `{{{{{name}}}}}` | {meaning} |")?;
    }
    Ok(())
}

fn write_operation(operation: Operation, out: &mut String) -> std::fmt::Result {
    writeln!(out, "**`{}`**: {}.", operation.name(), operation.summary())?;
    let required = names(operation.required_inputs(), Input::name);
    let optional = names(operation.optional_inputs(), Input::name);
    match (required.is_empty(), optional.is_empty()) {
        (true, true) => writeln!(out, "- takes nothing")?,
        (false, true) => writeln!(out, "- takes {required}")?,
        (true, false) => writeln!(out, "- may take {optional}")?,
        (false, false) => writeln!(out, "- takes {required}; may take {optional}")?,
    }
    writeln!(
        out,
        "- ends in {}",
        names(operation.outcomes(), Outcome::name)
    )?;
    let shows = names(operation.ok_slots(), Slot::name);
    if !shows.is_empty() {
        writeln!(out, "- its `ok` can show {shows}")?;
    }
    if operation.needs_trust() {
        writeln!(out, "- is done for trusted callers alone")?;
    }
    if operation.needs_guard() {
        writeln!(out, "- is guarded")?;
    }
    if !operation.writes() {
        writeln!(out, "- changes nothing, so a GET may do it")?;
    }
    writeln!(out)
}

fn names<T: Copy>(words: &[T], name: fn(T) -> &'static str) -> String {
    let words: Vec<String> = words
        .iter()
        .map(|word| format!("`{}`", name(*word)))
        .collect();
    words.join(", ")
}

const fn outcome_meaning(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "It was done.",
        Outcome::MissingField => "A needed input is absent.",
        Outcome::BlankField => "A needed input is there, but empty.",
        Outcome::InvalidField => "An input is not of the form it must have.",
        Outcome::IdentifierTaken => "The address has an account.",
        Outcome::NicknameTaken => "The nickname is another's.",
        Outcome::WeakPassword => "The password is too short, too long or too common.",
        Outcome::UnknownAccount => "No account has that address.",
        Outcome::WrongPassword => "The password is not the account's.",
        Outcome::Unverified => "The account's address is not proved yet.",
        Outcome::Suspended => "The account is shut out.",
        Outcome::Withdrawn => "The account was given up.",
        Outcome::AlreadyVerified => "The address was proved before; no code is needed.",
        Outcome::TooSoon => "A code was sent only just now, or too many today.",
        Outcome::InvalidCode => "The code is wrong, expired, used up, or there is none.",
        Outcome::Throttled => "Too many tries.",
        Outcome::Busy => "More passwords to check than the machine can.",
        Outcome::MissingToken => "The request brought no token.",
        Outcome::BadHeader => {
            "The header that should bring a token is not of the form it must have."
        }
        Outcome::InvalidToken => {
            "The token is malformed, forged, not ours, or of another contract."
        }
        Outcome::Expired => "The token is genuine, and its time is over.",
        Outcome::WrongType => "The token is genuine, but of the other type.",
        Outcome::Revoked => "The token's session was ended.",
        Outcome::Reused => "The token was replaced long ago; its session has been ended now.",
        Outcome::AccountGone => "The token's account is no more.",
        Outcome::NotFound => "There is no such thing, or it is another's.",
        Outcome::Anonymous => "Nobody is signed in.",
        Outcome::AccessGood => {
            "No refresh token can be used, and the access token beside it is good."
        }
        Outcome::AccessBad => "No refresh token can be used, nor the access token beside it.",
        Outcome::UntrustedCaller => "It is done for trusted callers alone, and this is none.",
        Outcome::BadRequest => {
            "The body is not what its content type says, or a value is of the wrong JSON type."
        }
        Outcome::TooLarge => "The body is larger than is read.",
        Outcome::UnsupportedMediaType => "The body's content type is none that is read here.",
        Outcome::MethodNotAllowed => "The path is there, but not for this method.",
        Outcome::CrossSite => "Another site sent the request with the person's cookies.",
        Outcome::Unavailable => "A store cannot answer now.",
        Outcome::Internal => "A fault of the server's.",
    }
}

const fn input_meaning(input: Input) -> &'static str {
    match input {
        Input::Identifier => "an e-mail address or a phone number, as `identifiers` allows",
        Input::Password => "a password",
        Input::Nickname => "a display name",
        Input::Code => "a code that was sent",
        Input::Token => {
            "a token: for `refresh` and `log_out` the refresh token, for `check_token` any"
        }
        Input::Keep => {
            "whether to stay logged in: a JSON boolean, or `true`, `1`, `Y`, `on` as text"
        }
        Input::SessionId => "the id of a session",
        Input::AccessToken => {
            "an access token for `refresh` to fall back on: where no refresh token can be used, `access_good` and `access_bad` tell how it stands"
        }
        Input::Subject => "whom a session is for, as a trusted caller names them",
        Input::Profile(_) => "a [field](#accountsfields) that the contract declares, for `sign_up`",
        Input::SubjectType => "what kind of subject that is, in the caller's words",
    }
}

const fn slot_meaning(slot: Slot) -> &'static str {
    match slot {
        Slot::AccountId => "the account's id, a number",
        Slot::AccountIdText => "the account's id as text",
        Slot::AccountEmail => "the e-mail address, or null",
        Slot::AccountPhone => "the phone number, or null",
        Slot::AccountNickname => "the nickname, or null",
        Slot::AccountActive => "whether the account is active, a boolean",
        Slot::AccountKakao => "the linked Kakao id, or null",
        Slot::AccountCreatedAt => "when the account was made, RFC 3339",
        Slot::AccountLastLogin => "when it last logged in, RFC 3339, or null",
        Slot::SessionId => "the session's id",
        Slot::Access => "the access token",
        Slot::Refresh => "the refresh token",
        Slot::AccessExpiresIn => "seconds until the access token expires, a number",
        Slot::RefreshExpiresIn => "seconds until the refresh token expires, a number",
        Slot::Field => "the name, on the wire, of the input at fault",
        Slot::Reason => "what is wrong with it: a [reason](#reasons)",
        Slot::Value => {
            "what was sent as the input at fault, shortened; empty where it might be a secret"
        }
        Slot::Subject => "whom a trusted caller named, or null",
        Slot::SubjectType => "the kind of subject it named, or null",
        Slot::IssuedAt => "when the access token was issued, seconds since 1970, a number",
        Slot::ExpiresAt => "when the access token expires, seconds since 1970, a number",
        Slot::AccountAdmin => "whether the account has the role `admin`, a boolean",
        Slot::AccountUpdatedAt => "when the account was last changed, RFC 3339",
        Slot::AccountCreatedAtMicros => {
            "when the account was made, to the microsecond as Python's frameworks write it"
        }
        Slot::AccountUpdatedAtMicros => "when it was last changed, likewise",
        Slot::AccountLastLoginMicros => "when it last logged in, likewise, or null",
        Slot::AccountProfile(_) => {
            "what the account has in a [field](#accountsfields) that the contract declares, or the field's default"
        }
        Slot::RetryAfter => "seconds to wait, a number",
        Slot::Sessions => {
            "the account's sessions, a list of objects: `id`, `current`, `contract`, `user_agent`, `network`, `created_at`, `last_used_at`, `expires_at`"
        }
        Slot::RequestPath => "the path of the request",
        Slot::RequestMethod => "the method of the request",
        Slot::RequestType => "the content type of the request's body as it was sent, shortened",
        Slot::RequestId => "the id of the request, as in the log",
        Slot::Now => "now, RFC 3339",
        Slot::NowText => "now, `yyyy-MM-dd HH:mm:ss` in UTC",
    }
}

fn reason_meaning(reason: &str) -> &'static str {
    match reason {
        "malformed" => "it is not of the form it must have",
        "too_short" => "it is too short",
        "too_long" => "it is too long",
        "common" => "it is among the first that anybody would guess",
        "out_of_range" => "it is too small or too large a number",
        "null" => "it is there, but JSON `null`",
        "is_text" => "it is of the wrong type: text",
        "is_boolean" => "likewise: a boolean",
        "is_number" => "likewise: a number",
        "is_list" => "likewise: a list",
        "is_object" => "likewise: an object",
        _ => "it is of the wrong type",
    }
}
