//! A server that keeps a contract but for one thing: whatever it is, it is found.
//!
//! The liar stands before a daemun, hands every request on, and changes one thing of the answers.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use super::*;

/// An answer on its way: status line and headers, and body.
struct Passing {
    head: Vec<String>,
    body: String,
}

type Lie = fn(&mut Passing);

/// A liar before that server, and its URL. It is gone with the test's process.
fn liar(daemun: &Daemun, lie: Lie) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let behind = daemun.url("").replace("http://", "");
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let behind = behind.clone();
            thread::spawn(move || hand_on(stream, &behind, lie));
        }
    });
    url
}

fn hand_on(mut front: TcpStream, behind: &str, lie: Lie) {
    let request = read_request(&mut front);
    let Some(end) = request.windows(4).position(|four| four == b"\r\n\r\n") else {
        return;
    };
    let mut back = TcpStream::connect(behind).expect("the server");
    // One request a connection, so that the answer ends with it. (What is too large may be hung up
    // on.)
    let _ = back.write_all(&request[..end]);
    let _ = back.write_all(b"\r\nconnection: close");
    let _ = back.write_all(&request[end..]);
    let mut answer = Vec::new();
    let _ = back.read_to_end(&mut answer);
    let answer = String::from_utf8(answer).expect("text");
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return;
    };
    let mut passing = Passing {
        head: head.split("\r\n").map(str::to_owned).collect(),
        body: body.to_owned(),
    };
    lie(&mut passing);
    let framing = ["content-length", "connection", "transfer-encoding"];
    passing.head.retain(|line| {
        !framing
            .iter()
            .any(|name| line.to_ascii_lowercase().starts_with(name))
    });
    let length = format!("content-length: {}", passing.body.len());
    let head = [
        passing.head.join("\r\n"),
        length,
        "connection: close".into(),
    ]
    .join("\r\n");
    let _ = front.write_all(format!("{head}\r\n\r\n{}", passing.body).as_bytes());
}

/// A request as far as its `Content-Length` goes.
fn read_request(stream: &mut TcpStream) -> Vec<u8> {
    let mut request = Vec::new();
    let mut chunk = [0; 64 * 1024];
    loop {
        let text = String::from_utf8_lossy(&request);
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length")
                    .then(|| value.trim().parse().ok())?
            });
            let length: usize = length.unwrap_or(0);
            if request.len() >= head.len() + 4 + length {
                return request;
            }
        }
        match stream.read(&mut chunk) {
            Ok(0) | Err(_) => return request,
            Ok(read) => request.extend_from_slice(&chunk[..read]),
        }
    }
}

impl Passing {
    fn replace(&mut self, from: &str, to: &str) {
        self.body = self.body.replace(from, to);
    }

    fn header(&mut self, from: &str, to: &str) {
        for line in &mut self.head {
            *line = line.replace(from, to);
        }
    }
}

/// Runs email-cookie against a liar, and returns what differs.
fn differences(daemun: &Daemun, lie: Lie, only: &[&str]) -> Vec<String> {
    let url = liar(daemun, lie);
    let mut arguments = vec!["--account", EMAIL, "--password-stdin", "--json"];
    arguments.extend(only.iter().flat_map(|word| ["--only", word]));
    let ran = verify_with("email-cookie", &url, &arguments, PASSWORD);
    assert!(ran.code < 2, "{ran:?}");
    let report = ran.json();
    let cases = report["cases"].as_array().expect("cases").iter();
    let all = cases.flat_map(|case| case["differences"].as_array().expect("differences"));
    let mut told: Vec<String> = all
        .map(|one| {
            let part = |name: &str| one[name].as_str().expect("text");
            format!("{}: {} / {}", part("at"), part("is"), part("contract"))
        })
        .collect();
    told.dedup();
    told
}

#[tokio::test]
async fn every_kind_of_lie_is_caught() {
    let daemun = Daemun::start().await;
    account(&daemun, ["--email", EMAIL]);
    let login = ["log_in", "ok"];
    let honest = differences(&daemun, |_| {}, &login);
    assert_eq!(honest, [""; 0], "a liar that does not lie");

    let lies: [(Lie, &[&str]); 11] = [
        (
            |a| a.header("HTTP/1.1 200", "HTTP/1.1 201"),
            &["status: 201 / 200"],
        ),
        (
            |a| a.header("content-type: application/json", "content-type: text/html"),
            &["content-type: \"text/html\" / \"application/json\""],
        ),
        (
            |a| a.head.push("Retry-After: 5".into()),
            &["header Retry-After: \"5\" / there is none"],
        ),
        (
            |a| a.header("; HttpOnly", ""),
            &[
                "cookie access_token HttpOnly: not set / set",
                "cookie refresh_token HttpOnly: not set / set",
            ],
        ),
        (
            |a| a.head.retain(|line| !line.contains("refresh_token")),
            &["cookie refresh_token: not set / "],
        ),
        (
            |a| a.header("Path=/;", "Path=/api;"),
            &[
                "cookie access_token Path: \"/api\" / \"/\"",
                "cookie refresh_token Path: \"/api\" / \"/\"",
            ],
        ),
        (
            |a| {
                let (email, nickname) = (r#""email":"mina@example.com""#, r#""nickname":"mina""#);
                a.body = format!("{{{nickname},{email}}}");
            },
            &["body: members in the order nickname, email / email, nickname"],
        ),
        (
            |a| a.replace("\"mina\"", "7"),
            &["body.nickname: 7 / text or null"],
        ),
        (
            |a| a.replace(",\"nickname\":\"mina\"", ""),
            &["body: no member \"nickname\" / "],
        ),
        (
            |a| a.replace("}", ",\"password\":\"pbkdf2_sha256$1$a$b\"}"),
            &["body: a member \"password\", which the contract has not / "],
        ),
        (
            |a| a.body.truncate(3),
            &["body: no JSON (EOF while parsing a string at line 1 column 3) / JSON"],
        ),
    ];
    for (lie, told) in lies {
        assert_eq!(differences(&daemun, lie, &login), told);
    }
}

#[tokio::test]
async fn words_that_differ_are_shown_beside_the_contracts() {
    let daemun = Daemun::start().await;
    account(&daemun, ["--email", EMAIL]);
    let wrong = differences(
        &daemun,
        |a| a.replace("eroor", "error"),
        &["verify_code", "invalid_code"],
    );
    assert_eq!(
        wrong,
        [
            "body: no member \"eroor\" / ",
            "body: a member \"error\", which the contract has not / ",
        ]
        .repeat(2)
    );
    let words = differences(
        &daemun,
        |a| a.replace("틀렸습니다", "맞지 않습니다"),
        &["log_in", "wrong_password"],
    );
    assert_eq!(
        words,
        ["body.error: \"비밀번호가 맞지 않습니다\" / \"비밀번호가 틀렸습니다\""]
    );
}

#[tokio::test]
async fn a_server_that_answers_one_thing_by_another_is_told_which() {
    let daemun = Daemun::start().await;
    account(&daemun, ["--email", EMAIL]);
    // Whoever is unknown is told that the password is wrong.
    let url = liar(&daemun, |a| {
        if a.body.contains("존재하지 않는 이메일\"") {
            a.header("HTTP/1.1 404", "HTTP/1.1 403");
            a.body = "{\"error\":\"비밀번호가 틀렸습니다\"}".into();
        }
    });
    let more = ["--only", "log_in", "--only", "unknown_account"];
    let account = ["--account", EMAIL, "--password-stdin"];
    let ran = verify_with(
        "email-cookie",
        &url,
        &[&more[..], &account].concat(),
        PASSWORD,
    );
    let ran = ran.expect(1);
    assert!(
        ran.stdout.contains("status: 403, the contract says 404"),
        "{ran:?}"
    );
    assert!(
        ran.stdout.contains("it is answered as `wrong_password`"),
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_server_that_forgets_to_revoke_is_caught() {
    let daemun = Daemun::start().await;
    account(&daemun, ["--email", EMAIL]);
    // It says that it logged out, and did not.
    let url = liar(&daemun, |a| {
        if a.body.contains("refresh 토큰이 유효하지 않습니다") {
            a.header("HTTP/1.1 401", "HTTP/1.1 200");
            a.body = "{\"message\":\"새로운 access_token 발급\"}".into();
        }
    });
    let account = ["--account", EMAIL, "--password-stdin", "--only", "revoked"];
    let ran = verify_with("email-cookie", &url, &account, PASSWORD).expect(1);
    let differs = lines(&ran, "differs");
    assert_eq!(
        differs,
        ["differs POST /api/accounts/token/refresh/ → revoked"],
        "{ran:?}"
    );
}

#[tokio::test]
async fn a_server_that_hangs_up_is_no_answer_and_no_end_of_the_run() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    thread::spawn(move || listener.incoming().for_each(drop));
    let ran = verify("phone-pair", &url, &["--only", "log_in"]).expect(1);
    assert!(lines(&ran, "differs").len() > 5, "{ran:?}");
    assert!(ran.stdout.contains("          answer: "), "{ran:?}");
}
