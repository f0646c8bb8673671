//! Adopting a former back end's refresh tokens, beside plain refreshes of the same server.

use std::fmt::Write as _;
use std::time::Duration;

use aws_lc_rs::hmac;
use base64_simd::URL_SAFE_NO_PAD;
use daemun_engine::time::Timestamp;

use crate::daemun::{self, Installation};
use crate::findings::{Findings, median};
use crate::load::{self, Chain, REFRESH, Script};
use crate::wire::{self, Answer};
use crate::{Result, Scale, store};

/// The number of an account that was taken over.
const USER: i64 = 9_000_001;

/// The load in turns: refreshes of a few sessions, over and over; adoptions, each of a token never
/// seen; and refreshes of what was adopted, each of another session, as people come back.
pub async fn run(scale: Scale, findings: &mut Findings) -> Result<()> {
    let installation = store::crowded(scale.sessions).await?;
    let (daemun, _) = installation.start().await?;
    installation.take_over(USER)?;
    let pairs = daemun::log_in(&daemun, scale.connections).await?;
    let now = store::now_of(&installation).await?;
    let mut adopts = Adopt::many(&installation, scale.connections, now)?;
    let mut chains: Vec<Chain> = pairs
        .into_iter()
        .map(|pair| Chain {
            token: pair.refresh,
        })
        .collect();
    let window = Duration::from_secs(scale.seconds);
    let (mut plain, mut adopting) = (Vec::new(), Vec::new());
    let (mut spread, mut rates) = (Vec::new(), Vec::new());
    for _ in 0..scale.rounds {
        let (report, grown) = load::drive(&daemun, chains, window).await?;
        println!("   refresh {report}");
        chains = grown;
        plain.push(report.cost());
        let (report, grown) = load::drive(&daemun, adopts, window).await?;
        println!("   adopt   {report}");
        adopting.push(report.cost());
        rates.push(report.per_second());
        let people = grown.into_iter().map(People::of).collect();
        let (report, grown) = load::drive(&daemun, people, window).await?;
        println!("   refresh {report}, among all that were adopted");
        spread.push(report.cost());
        adopts = grown.into_iter().map(|people| people.adopts).collect();
    }
    let (plain, adopting, spread) = (median(plain), median(adopting), median(spread));
    findings.note(
        "adoption: processor time",
        format!("{adopting:.1} us (a refresh {spread:.1} us, among a few sessions {plain:.1} us)"),
    );
    findings.note("adoption: rate", format!("{:.0} a second", median(rates)));
    findings.at_most(
        "adoption: cost against a plain refresh",
        adopting / spread,
        2.0,
        "x",
    );
    Ok(())
}

/// Presents a token of the former back end that was never presented before, over and over.
struct Adopt {
    key: hmac::Key,
    now: Timestamp,
    connection: usize,
    minted: usize,
    /// The tokens it was given, the newest last.
    given: Vec<String>,
}

impl Adopt {
    fn many(installation: &Installation, connections: usize, now: Timestamp) -> Result<Vec<Self>> {
        let secret = installation.legacy_secret()?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
        Ok((0..connections)
            .map(|connection| Self {
                key: key.clone(),
                now,
                connection,
                minted: 0,
                given: Vec::new(),
            })
            .collect())
    }

    fn mint(&mut self) -> String {
        self.minted += 1;
        let issued = self.now.unix_seconds();
        let mut claims = String::with_capacity(160);
        // Writing into a String cannot fail.
        let _ = write!(
            claims,
            r#"{{"token_type":"refresh","exp":{},"iat":{issued},"jti":"{:016x}{:016x}","user_id":{USER}}}"#,
            issued + 86_400,
            self.connection,
            self.minted
        );
        let header = URL_SAFE_NO_PAD.encode_to_string(r#"{"alg":"HS256","typ":"JWT"}"#);
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode_to_string(claims));
        let mac = hmac::sign(&self.key, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode_to_string(mac))
    }
}

impl Script for Adopt {
    fn request(&mut self, request: &mut Vec<u8>) {
        let body = load::refresh_body(&self.mint());
        wire::write_post(request, REFRESH, &body);
    }

    fn answered(&mut self, answer: &Answer<'_>) -> Result<()> {
        let token = answer.text("refresh").filter(|_| answer.status == 200);
        let token = token.ok_or_else(|| format!("adoption: {}", answer.quoted()))?;
        self.given.push(token.to_owned());
        Ok(())
    }
}

/// Refreshes the sessions that were adopted, one after the other.
struct People {
    adopts: Adopt,
    next: usize,
}

impl People {
    fn of(adopts: Adopt) -> Self {
        Self { adopts, next: 0 }
    }

    fn place(&mut self) -> Option<&mut String> {
        let count = self.adopts.given.len();
        self.adopts.given.get_mut(self.next.checked_rem(count)?)
    }
}

impl Script for People {
    fn request(&mut self, request: &mut Vec<u8>) {
        if let Some(token) = self.place() {
            let body = load::refresh_body(token);
            wire::write_post(request, REFRESH, &body);
        }
    }

    fn answered(&mut self, answer: &Answer<'_>) -> Result<()> {
        let token = answer.text("refresh").filter(|_| answer.status == 200);
        let token = token.ok_or_else(|| format!("refresh: {}", answer.quoted()))?;
        if let Some(place) = self.place() {
            token.clone_into(place);
        }
        self.next += 1;
        Ok(())
    }
}
