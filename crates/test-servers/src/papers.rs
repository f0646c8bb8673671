//! A certificate that vouches for itself, made by the `openssl` command.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

/// A key and a certificate; gone when dropped.
pub struct Papers {
    folder: TempDir,
}

impl Papers {
    /// For a server of that name; `None`, loudly, without the `openssl` command.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let papers = Self {
            folder: TempDir::new().expect("a folder"),
        };
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"])
            .args(["-pkeyopt", "ec_paramgen_curve:prime256v1"])
            .args(["-subj", &format!("/CN={name}")])
            .args(["-addext", &format!("subjectAltName=DNS:{name}")])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .arg("-keyout")
            .arg(papers.key())
            .arg("-out")
            .arg(papers.certificate())
            .output();
        if made.is_ok_and(|made| made.status.success()) {
            return Some(papers);
        }
        eprintln!("skipped: there is no openssl command that makes a certificate");
        None
    }

    /// The certificate's file, in PEM.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.path("certificate.pem")
    }

    /// The key's file, in PEM.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.path("key.pem")
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}
