//! What a request costs: `cargo run --release -p daemun-verify --features test-kit --example layer_speed`.
//!
//! Three questions: what the layer adds to a bare signature check, what a million revocations add to none, and how
//! much memory they take. Figures are medians of many short runs, interleaved so that a change of the machine's pace
//! meets all alike.

use std::{
    convert::Infallible,
    error::Error,
    future::{Ready, ready},
    hint::black_box,
    task::{Context, Poll, Waker},
    time::Instant,
};

use bytes::Bytes;
use daemun_token::{Access, Verified, Verifier};
use daemun_verify::{Algorithm, Entry, Principal, RevocationSet, TypRule, test_kit::TestIssuer};
use http::{HeaderValue, Request, Response, header};
use tower::{Layer, Service, service_fn};

const SECRET: &[u8; 64] = b"sixty-four bytes of a secret that is good enough for a benchmark";
const MILLION: u128 = 1_000_000;
const RUNS: usize = 301;
/// How many requests with HS256 tokens there are in a run.
const IN_A_RUN: usize = 300;
/// As many as requests are made of each kind: none comes twice.
const MANY: usize = RUNS * IN_A_RUN;

fn main() -> Result<(), Box<dyn Error>> {
    let issuers = [
        ("EdDSA", TestIssuer::native(), Algorithm::EdDsa, 20),
        (
            "HS256",
            TestIssuer::phone_pair(SECRET)?,
            Algorithm::Hs256,
            IN_A_RUN,
        ),
    ];
    memory();
    println!(
        "
{:<30}{:>9}{:>9}{:>9}{:>9}{:>12}{:>12}",
        "nanoseconds", "check", "by hand", "layer", "1M", "layer/hand", "1M/none"
    );
    for (name, issuer, algorithm, rounds) in &issuers {
        request(name, issuer, *algorithm, *rounds)?;
    }
    Ok(())
}

/// The bare check of the library below, a request checked by hand, one through the layer, and one through the layer with
/// a million revocations.
fn request(
    name: &str,
    issuer: &TestIssuer,
    algorithm: Algorithm,
    rounds: usize,
) -> Result<(), Box<dyn Error>> {
    let tokens: Vec<String> = (0..MANY).map(|_| issuer.token(7).mint()).collect();
    let (typ, account) = if algorithm.is_symmetric() {
        (TypRule::JwtOrAbsent, "user_id")
    } else {
        (TypRule::AtJwt, "sub")
    };
    let mut bare = Verifier::<Access>::builder()
        .key(issuer.verifying_key())
        .typ(typ);
    bare = if algorithm.is_symmetric() {
        bare.claim_equals("token_type", "access").require("user_id")
    } else {
        bare.issuer(TestIssuer::NAME).audience(TestIssuer::NAME)
    };
    let bare = bare.build();
    let now = issuer.now();
    let (empty, full) = (issuer.resource_server(), issuer.resource_server());
    fill(full.revocations());
    for (kind, distinct) in [
        ("a new token each time", MANY),
        ("one token, remembered", 1),
    ] {
        let tokens = tokens.get(..distinct).ok_or("no tokens")?;
        let mut by_hand = requests(tokens, by_hand(bare.clone(), account, now));
        let mut to_empty = requests(tokens, empty.layer().layer(service_fn(answer)));
        let mut to_full = requests(tokens, full.layer().layer(service_fn(answer)));
        let mut next = tokens.iter().cycle();
        let mut token = || next.next().map_or("", String::as_str);
        let mut runs: [Vec<f64>; 4] = Default::default();
        for _ in 0..RUNS {
            let [bare_runs, hand_runs, empty_runs, full_runs] = &mut runs;
            bare_runs.push(time(rounds, || {
                bare.verify(black_box(token()), now).is_ok()
            }));
            hand_runs.push(time(rounds, &mut by_hand));
            empty_runs.push(time(rounds, &mut to_empty));
            full_runs.push(time(rounds, &mut to_full));
        }
        let [bare, hand, empty, full] = runs.map(median);
        println!(
            "{:<30}{bare:>9.0}{hand:>9.0}{empty:>9.0}{full:>9.0}{:>12.2}{:>12.2}",
            format!("{name}, {kind}"),
            empty / hand,
            full / empty
        );
    }
    Ok(())
}

/// A handler.
#[expect(clippy::needless_pass_by_value, reason = "a handler takes its request")]
fn answer(request: Request<()>) -> Ready<Result<Response<Bytes>, Infallible>> {
    let principal = Principal::among(request.extensions());
    let known = principal.is_some_and(|principal| principal.account() == Some(7));
    ready(Ok(Response::new(Bytes::from_static(if known {
        b"ok"
    } else {
        b""
    }))))
}

/// Who a request is from, as far as a handler must know.
#[derive(Clone)]
struct Caller {
    account: i64,
    #[expect(dead_code, reason = "for handlers that ask for more")]
    verified: Verified<Access>,
}

/// The least anybody would write: the header, the bare check, whose token it is, and that for the handler.
fn by_hand(
    verifier: Verifier<Access>,
    account: &'static str,
    now: i64,
) -> impl Service<Request<()>, Response = Response<Bytes>, Error = Infallible> {
    service_fn(move |mut request: Request<()>| {
        let value = request.headers().get(header::AUTHORIZATION);
        let token = value.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let verified = token.and_then(|token| verifier.verify(token, now).ok());
        if let Some(caller) = verified.and_then(|verified| caller(verified, account)) {
            request.extensions_mut().insert(caller);
        }
        let caller = request.extensions().get::<Caller>();
        let known = caller.is_some_and(|caller| caller.account == 7);
        ready(Ok(Response::new(Bytes::from_static(if known {
            b"ok"
        } else {
            b""
        }))))
    })
}

fn caller(verified: Verified<Access>, claim: &str) -> Option<Caller> {
    let claims = verified.claims();
    let account = claims
        .get_i64(claim)
        .or_else(|| claims.get_str(claim)?.parse().ok())?;
    Some(Caller { account, verified })
}

/// One request with the next of these tokens.
fn requests<S>(tokens: &[String], mut service: S) -> impl FnMut() -> bool
where
    S: Service<Request<()>, Response = Response<Bytes>, Error = Infallible>,
{
    let headers: Vec<HeaderValue> = tokens
        .iter()
        .filter_map(|token| HeaderValue::try_from(format!("Bearer {token}")).ok())
        .collect();
    let mut at = 0;
    move || {
        at = (at + 1) % headers.len();
        let mut request = Request::new(());
        if let Some(value) = headers.get(at) {
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, value.clone());
        }
        let mut answer = std::pin::pin!(service.call(request));
        match answer
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(Ok(answer)) => answer.body() == "ok",
            Poll::Ready(Err(never)) => match never {},
            Poll::Pending => false,
        }
    }
}

fn fill(set: &RevocationSet) {
    // An odd factor spreads them over the whole space, as chance does.
    let ids = (1..=MILLION).map(|n| n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let entries = ids.map(|id| Entry::Session {
        id,
        until: 4_000_000_000,
    });
    let entries: Vec<Entry> = entries.collect();
    for batch in entries.chunks(1_000) {
        set.apply(batch);
    }
}

fn memory() {
    let before = resident();
    let set = RevocationSet::new();
    for n in 1..=MILLION {
        let id = n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        set.apply(&[Entry::Session {
            id,
            until: 4_000_000_000,
        }]);
    }
    let sessions = resident() - before;
    let accounts = RevocationSet::new();
    for id in 1..=1_000_000 {
        accounts.apply(&[Entry::Account {
            id,
            before: 0,
            until: 4_000_000_000,
        }]);
    }
    let with_accounts = resident() - before - sessions;
    println!(
        "{} sessions: {sessions:.1} MiB; {} accounts: {with_accounts:.1} MiB",
        set.len(),
        accounts.len()
    );
    let begun = Instant::now();
    set.forget_expired(0);
    println!(
        "looking through all of them for what is over: {:?}",
        begun.elapsed()
    );
}

/// What of this process is in memory, in MiB (Linux).
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    resident.unwrap_or_default() * 4_096.0 / 1_048_576.0
}

/// Nanoseconds a call.
fn time(rounds: usize, mut work: impl FnMut() -> bool) -> f64 {
    let begun = Instant::now();
    let good = (0..rounds).filter(|_| black_box(work())).count();
    let took = begun.elapsed().as_nanos() as f64 / rounds as f64;
    assert_eq!(good, rounds, "every request passes");
    took
}

fn median(mut runs: Vec<f64>) -> f64 {
    runs.sort_by(f64::total_cmp);
    runs.get(runs.len() / 2).copied().unwrap_or_default()
}
