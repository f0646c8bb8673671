//! The codes that were sent to people: out of development's outbox, or by a command of the team's.

use std::{process::Stdio, time::Duration};

use daemun_engine::code::{CodeAlphabet, CodePolicy};
use serde_json::Value;

use super::{
    request::escaped,
    wire::{Request, Wire},
};

/// How long a letter may take.
const PATIENCE: Duration = Duration::from_secs(10);
const PAUSE: Duration = Duration::from_millis(100);

/// What stands in a command for whom the code was sent to.
const ADDRESS: &str = "{address}";

/// Where codes come from.
pub(super) enum Codes {
    /// `/dev/outbox/latest` of the server itself.
    Outbox,
    /// What this command writes.
    Command(String),
}

impl Codes {
    /// The code that was sent to an address, or why there is none.
    pub(super) async fn sent_to(
        &self,
        address: &str,
        wire: &Wire,
        policy: &CodePolicy,
    ) -> Result<String, String> {
        match self {
            Self::Outbox => from_outbox(address, wire, policy).await,
            Self::Command(command) => from_command(address, command).await,
        }
    }
}

async fn from_outbox(address: &str, wire: &Wire, policy: &CodePolicy) -> Result<String, String> {
    let request = Request {
        method: "GET".into(),
        path: format!("/dev/outbox/latest?to={}", escaped(address)),
        ..Request::default()
    };
    let begun = std::time::Instant::now();
    while begun.elapsed() < PATIENCE {
        let reply = wire.send(&request).await;
        let reply = reply.map_err(|_| "the outbox does not answer".to_owned())?;
        let letter: Option<Value> = serde_json::from_slice(&reply.body).ok();
        let of = |name: &str| {
            letter
                .as_ref()
                .and_then(|letter| letter.get(name)?.as_str())
        };
        let text = of("text");
        match (reply.status, text.and_then(|text| code_in(text, policy))) {
            (200, Some(code)) => return Ok(code),
            (200, None) => return Err("there is no code in the letter that was sent".into()),
            // A daemun that has no outbox says so by another code than `not_found`.
            (404, _) if of("code") == Some("not_found") => {
                tokio::time::sleep(PAUSE).await;
            }
            _ => return Err("it has no outbox; --code-command says where codes are".into()),
        }
    }
    Err("no letter with a code arrived".into())
}

/// The first run of characters that is as long as a code and of its alphabet.
fn code_in(text: &str, policy: &CodePolicy) -> Option<String> {
    let mut runs = text.split(|c: char| !c.is_ascii_alphanumeric());
    let is_code = |run: &&str| {
        run.len() == policy.length
            && run.bytes().all(|byte| match policy.alphabet {
                CodeAlphabet::Digits => byte.is_ascii_digit(),
                CodeAlphabet::UpperAlphanumeric => {
                    byte.is_ascii_digit() || byte.is_ascii_uppercase()
                }
            })
    };
    runs.find(is_code).map(str::to_owned)
}

async fn from_command(address: &str, command: &str) -> Result<String, String> {
    // The address becomes an argument of the shell's, never a part of the command.
    let command = command.replace(ADDRESS, "\"$1\"");
    let ran = tokio::task::spawn_blocking({
        let address = address.to_owned();
        move || {
            let mut shell = std::process::Command::new("sh");
            shell.args(["-c", &command, "sh", &address]);
            shell.stdin(Stdio::null()).stderr(Stdio::inherit()).output()
        }
    })
    .await;
    let output = match ran {
        Ok(Ok(output)) if output.status.success() => output,
        Ok(Ok(output)) => return Err(format!("the code command failed: {}", output.status)),
        _ => return Err("the code command does not run".into()),
    };
    let code = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match code.is_empty() {
        true => Err("the code command wrote nothing".into()),
        false => Ok(code),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(alphabet: CodeAlphabet) -> CodePolicy {
        CodePolicy {
            alphabet,
            length: 6,
            lifetime: Duration::from_secs(600),
            tries: 5,
            resend_gap: Duration::from_secs(60),
            daily_cap: 10,
        }
    }

    #[test]
    fn a_code_is_found_in_whatever_words_stand_around_it() {
        let digits = policy(CodeAlphabet::Digits);
        assert_eq!(
            code_in("[daemun] 인증번호 012345 (10분)", &digits).as_deref(),
            Some("012345")
        );
        assert_eq!(code_in("1234567 or 12345", &digits), None);
        let letters = policy(CodeAlphabet::UpperAlphanumeric);
        assert_eq!(
            code_in("Your verification code is: A1B2C3", &letters).as_deref(),
            Some("A1B2C3")
        );
    }

    #[tokio::test]
    async fn an_address_is_no_part_of_the_command() {
        let said = from_command("a; echo b@example.com", "printf %s {address}").await;
        assert_eq!(said.as_deref(), Ok("a; echo b@example.com"));
        assert!(from_command("a@example.com", "true").await.is_err());
        assert!(from_command("a@example.com", "exit 3").await.is_err());
    }
}
