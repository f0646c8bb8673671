//! What cases leave open: the texts that are sent, and the values that answers can only have.

use daemun_contract::Json;
use daemun_engine::{
    profile::FieldKind,
    vocabulary::{Input, Operation, Outcome, Slot},
};
use serde_json::{Value, json};

use super::{Runner, Step, is_of};
use crate::verify::{
    case::{Case, Given, Who, Wrong},
    compare::Seen,
    people,
    request::Sent,
    session::Session,
};

/// The session id of no session.
const NO_SESSION: &str = "00000000000000000000000000000000";

/// More letters than any address, password or nickname has.
const LONG: usize = 300;

fn wrong_value(wrong: Wrong) -> Value {
    match wrong {
        Wrong::List => json!(["x"]),
        Wrong::Object => json!({ "x": 1 }),
        Wrong::Boolean => json!(true),
        Wrong::Fraction => json!(1.5),
        Wrong::Text => json!("text"),
    }
}

impl Runner<'_> {
    /// What is sent as an input.
    pub(super) async fn sent(
        &mut self,
        case: &Case,
        given: Given,
        session: &Session,
    ) -> Step<Sent> {
        let text = match given {
            Given::Wrong(wrong) => return Ok(Sent::Json(wrong_value(wrong))),
            Given::Null => return Ok(Sent::Json(Value::Null)),
            Given::Profile(nth) => return Ok(Sent::Json(self.field(nth, 0))),
            Given::OutOfRange(nth) => return Ok(Sent::Json(self.field(nth, -1))),
            Given::Token(token) => return Ok(Sent::Token(token)),
            Given::Blank => String::new(),
            Given::Text(text) => text.to_owned(),
            Given::TooLong => "n".repeat(LONG),
            Given::LongAddress => format!("{}@example.com", "n".repeat(LONG)),
            Given::Address(Who::Account) if self.nobody_will_do(case) => self.another_address()?,
            Given::Address(who) => self.address(case, who).await?,
            Given::Password if self.nobody_will_do(case) => people::password()?,
            Given::Password if is_of(case, Who::Unproved) => {
                self.unproved().await?.password.to_string()
            }
            Given::Password => self.account().await?.password.to_string(),
            Given::NewPassword => self.new_password(case)?,
            Given::WrongPassword => {
                self.wrong_passwords += 1;
                people::password()?
            }
            Given::NewNickname => self.new_nickname(case)?,
            Given::OwnNickname => {
                let nickname = self.account().await?.nickname;
                nickname.ok_or_else(|| "the test account's nickname is not known".to_owned())?
            }
            Given::Code => self.code().await?,
            Given::WrongCode => "0".repeat(self.contract.policy.codes.length),
            Given::OwnSession => self.session_id(session).await?,
            Given::NoSession => NO_SESSION.to_owned(),
            Given::Subject => self.subject.clone(),
        };
        Ok(Sent::Text(text))
    }

    /// Whether it does not matter whose account it is: the request is faulty before that.
    fn nobody_will_do(&self, case: &Case) -> bool {
        use Outcome as O;
        let faulty = [
            O::MissingField,
            O::BlankField,
            O::BadRequest,
            O::InvalidField,
        ];
        self.account.is_none() && !self.means.sign_up && faulty.contains(&case.outcome)
    }

    /// What a field of the contract's own can hold: so much beyond its least.
    fn field(&self, nth: u8, beyond: i64) -> Value {
        let fields = &self.contract.policy.fields;
        match fields.get(usize::from(nth)).map(|field| field.kind) {
            Some(FieldKind::Integer { min, .. }) => json!(min.saturating_add(beyond)),
            Some(FieldKind::Boolean) => json!(true),
            Some(FieldKind::Integers) => json!([1]),
            Some(FieldKind::Url) => json!("https://example.com/verify"),
            Some(FieldKind::Text { .. }) | None => json!("verify"),
        }
    }

    /// The values that the case's answer can only have.
    pub(super) fn slots(&self, case: &Case, inputs: &[(Input, Sent)]) -> Vec<(Slot, String)> {
        let mut slots = Vec::new();
        let reason = case.reason.map(|reason| (Slot::Reason, reason.to_owned()));
        slots.extend(reason);
        for (input, sent) in inputs {
            if let (Input::Subject, Sent::Text(text)) = (input, sent) {
                slots.push((Slot::Subject, text.clone()));
            }
        }
        let is_accounts = self.contract.routes.get(case.route);
        let is_accounts = is_accounts.is_some_and(|route| route.operation != Operation::SignUp);
        if is_accounts && case.outcome == Outcome::Ok {
            slots.extend(self.learnt.iter().cloned());
        }
        slots
    }

    /// What an answer said of the test account, all others must say too.
    pub(super) fn learn(&mut self, case: &Case, seen: &Seen) {
        let route = self.contract.routes.get(case.route);
        if route.is_none_or(|route| route.operation == Operation::SignUp) {
            return;
        }
        for (slot, value) in &seen.found {
            let value = match value {
                Json::String(text) => text.clone(),
                Json::Number(number) => number.to_string(),
                _ => continue,
            };
            match slot {
                Slot::AccountNickname => {
                    if let Some(account) = &mut self.account {
                        account.nickname = Some(value);
                    }
                }
                Slot::AccountId | Slot::AccountIdText | Slot::AccountEmail | Slot::AccountPhone
                    if !self.learnt.iter().any(|(known, _)| known == slot) =>
                {
                    self.learnt.push((*slot, value));
                }
                _ => {}
            }
        }
    }
}
