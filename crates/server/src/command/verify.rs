//! `daemun contract verify`: asks a server.

use zeroize::Zeroizing;

use super::{account::password, contract::find};
use crate::{
    cli,
    report::{self, Answer, Failure, Kind, Outcome},
    secret,
    verify::{Options, verify},
};

/// The variable that holds a service key.
const SERVICE_KEY: &str = "DAEMUN_SERVICE_KEY";

pub(super) async fn run(command: &cli::Verify) -> Outcome {
    let contract = find(&command.contract)?;
    let account = match &command.account {
        Some(address) => {
            let password = password(&mut std::io::stdin().lock())?;
            Some((address.clone(), password))
        }
        None => None,
    };
    let options = Options {
        against: command.against.clone(),
        account,
        sign_up: command.sign_up.clone(),
        code_command: command.code_command.clone(),
        service_key: service_key(command)?,
        only: command.only.clone(),
        headers: command.headers.clone(),
        locale: command.locale.clone(),
    };
    let report = verify(&contract, options).await?;
    let answer = Answer::new(report.text(), report.json());
    if report.all_agree() {
        return Ok(answer);
    }
    // The report is the answer, whatever it says; what it comes to is the failure.
    report::show(&answer, command.json);
    Err(Failure::new(Kind::Failed, report.summary()))
}

fn service_key(command: &cli::Verify) -> Outcome<Option<Zeroizing<String>>> {
    let bytes = match &command.service_key {
        Some(file) => secret::read_file(file).map_err(|fault| {
            let what = format!("{} {fault}", file.display());
            Failure::new(Kind::Failed, what).mend(format!("chmod 600 {}", file.display()))
        })?,
        None => match std::env::var(SERVICE_KEY) {
            Ok(key) => Zeroizing::new(key.into_bytes()),
            Err(_) => return Ok(None),
        },
    };
    let text = std::str::from_utf8(&bytes).ok().map(str::trim);
    let text = text.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Failure::new(Kind::Failed, "the service key is no text"))?;
    Ok(Some(Zeroizing::new(text.to_owned())))
}
