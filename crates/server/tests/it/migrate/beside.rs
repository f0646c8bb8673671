//! An import of many beside a server that goes on serving; stopped, and taken up again.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use super::{HASH, PASSWORD, figures, imported, log_in};
use crate::harness::{BINARY, Daemun};

fn write_many(daemun: &Daemun, count: u32) -> String {
    let mut file = String::from("id,email,password\n");
    for n in 1..=count {
        let _ = writeln!(file, "{n},user{n}@example.com,{HASH}");
    }
    let path = daemun.folder().join("many.csv");
    std::fs::write(&path, file).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_stopped_import_is_taken_up_again_and_logins_go_on_meanwhile() {
    let daemun = Daemun::start().await;
    let file = write_many(&daemun, 40_000);
    let mut child = Command::new(BINARY)
        .args([
            "migrate", "import", "--apply", "--json", "--csv", &file, "--data",
        ])
        .arg(daemun.data())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first account is there as soon as the first batch is.
    loop {
        let answer = log_in(&daemun, "user1@example.com", PASSWORD).await;
        if answer.status == 200 {
            break;
        }
        assert!(child.try_wait().unwrap().is_none(), "it ended too soon");
    }
    let pid = child.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{status:?}");
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let said: String = stderr.lines().map_while(Result::ok).collect();
    assert!(said.contains("interrupted"), "{said}");

    let rest = figures(&imported(&daemun, &["--csv", &file]));
    assert!(rest[0] > 0 && rest[2] > 0, "{rest:?}");
    assert_eq!(rest[0] + rest[2], 40_000);
    log_in(&daemun, "user40000@example.com", PASSWORD)
        .await
        .expect(200);
    assert!(
        !daemun.log().contains("a transaction failed"),
        "{}",
        daemun.log()
    );
}
