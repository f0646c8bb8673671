//! A Django whose place is taken: its users in a SQLite file.

use std::{
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::{harness::Daemun, python::python};

/// A running Django; it ends when this is dropped.
pub struct Django {
    child: Child,
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    database: PathBuf,
}

impl Django {
    /// With an empty database beside the server's data, and the server's own secret.
    pub fn beside(daemun: &Daemun) -> Self {
        let database = daemun.folder().join("django.sqlite3");
        let mut child = Command::new(python())
            .arg("moving.py")
            .arg(&database)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python"))
            .env("SECRET_KEY", daemun.legacy_secret())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("PYTHONWARNINGS", "ignore")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let asks = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("its output"));
        Self {
            child,
            asks,
            answers,
            database,
        }
    }

    pub fn database(&self) -> &Path {
        &self.database
    }

    /// `--django-sqlite FILE`.
    pub fn source(&self) -> [&str; 2] {
        ["--django-sqlite", self.database.to_str().expect("text")]
    }

    /// A user of that id, active, of that address and password.
    pub fn user(&mut self, id: i64, email: &str, password: &str) {
        self.create(
            &json!({ "id": id, "username": format!("user{id}"), "email": email,
                            "password": password }),
        );
    }

    pub fn create(&mut self, user: &Value) {
        self.ask("create", user);
    }

    pub fn change(&mut self, changes: &Value) {
        self.ask("change", changes);
    }

    /// A refresh token of that user, on SimpleJWT's blacklist or not.
    pub fn refresh_token(&mut self, id: i64, dead: bool) -> String {
        let token = self.ask("refresh_token", &json!({ "id": id, "dead": dead }));
        token.as_str().expect("a token").into()
    }

    fn ask(&mut self, call: &str, with: &Value) -> Value {
        let asks = self.asks.as_mut().expect("its input");
        let asked = json!({ "call": call, "with": with });
        writeln!(asks, "{asked}").expect("python listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("an answer");
        let answer: Value = serde_json::from_str(&answer).expect("python answers");
        answer["ok"].clone()
    }
}

impl Drop for Django {
    fn drop(&mut self) {
        drop(self.asks.take());
        let _ = self.child.wait();
    }
}
