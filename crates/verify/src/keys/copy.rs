//! A copy of the keys on disk, for the start while the issuer is down. Public keys only, so nothing in it is secret;
//! but whoever can write it decides whose tokens are believed.

use std::{
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use daemun_token::VerifyingKey;
use serde::{Deserialize, Serialize};

use super::fetch::read;

/// The longest file that is read, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// Where the copy is, and whose keys it holds.
#[derive(Clone, Debug)]
pub(crate) struct Copy {
    pub(crate) path: PathBuf,
    pub(crate) issuer: Box<str>,
}

#[derive(Serialize, Deserialize)]
struct Written {
    issuer: String,
    fetched_at: i64,
    keys: String,
}

impl Copy {
    /// The keys, and how long ago they were fetched. `None`, and a word in the log, if the file is absent, is not ours,
    /// or says that it is from the future.
    pub(crate) fn load(&self, now: i64) -> Option<(Vec<VerifyingKey>, Duration)> {
        match self.read(now) {
            Ok(found) => Some(found),
            Err(error) => {
                tracing::info!(path = %self.path.display(), %error, "no copy of the keys to start from");
                None
            }
        }
    }

    fn read(&self, now: i64) -> io::Result<(Vec<VerifyingKey>, Duration)> {
        let other = |why| io::Error::new(io::ErrorKind::InvalidData, why);
        let mut text = Vec::new();
        fs::File::open(&self.path)?
            .take(LONGEST)
            .read_to_end(&mut text)?;
        let written: Written = serde_json::from_slice(&text)?;
        if written.issuer != *self.issuer {
            return Err(other("it holds another issuer's keys"));
        }
        let age = now.checked_sub(written.fetched_at);
        let age = age.and_then(|age| u64::try_from(age).ok());
        let age = age.ok_or_else(|| other("it is from the future"))?;
        let keys = read(written.keys.as_bytes()).map_err(|_| other("it holds no usable key"))?;
        Ok((keys, Duration::from_secs(age)))
    }

    /// Writes the copy anew. A failure is logged: it costs nothing until the next start.
    pub(crate) fn save(&self, document: &[u8], now: i64) {
        if let Err(error) = self.write(document, now) {
            tracing::warn!(path = %self.path.display(), %error, "the copy of the keys was not written");
        }
    }

    /// Beside and then over the old one, so that a reader finds one of them whole.
    fn write(&self, document: &[u8], now: i64) -> io::Result<()> {
        let written = Written {
            issuer: self.issuer.to_string(),
            fetched_at: now,
            keys: String::from_utf8_lossy(document).into_owned(),
        };
        let beside = beside(&self.path);
        let mut file = fs::File::create(&beside)?;
        file.write_all(&serde_json::to_vec(&written)?)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}", std::process::id()));
    name.into()
}
