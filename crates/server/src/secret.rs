//! Secrets on their way from a file or a variable to the engine: read whole, kept in memory that is
//! wiped, shown to nobody. Those that development mode makes bear a mark by which production knows
//! and refuses them.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::Path,
};

use daemun_engine::{
    ports::{Entropy, NoEntropy},
    seal::MasterKey,
};
use zeroize::Zeroizing;

/// What secrets made by development mode begin with.
const DEVELOPMENT: &str = "daemun-dev-";

/// More than any secret has.
const LONGEST: u64 = 64 * 1024;

/// The bytes of a secret.
pub(crate) type Secret = Zeroizing<Vec<u8>>;

/// Why a file's secret is not taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileFault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// Others may read or change it.
    #[error("may be read or changed by every user of this machine (mode {mode:03o})")]
    Open {
        /// Its permission bits.
        mode: u32,
    },
    /// It has no content.
    #[error("is empty")]
    Empty,
    /// It is far too long.
    #[error("is longer than any secret")]
    TooLong,
}

/// Reads a secret from its file. One line break at the end is not part of it.
pub(crate) fn read_file(path: &Path) -> Result<Secret, FileFault> {
    let file = File::open(path)?;
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(FileFault::Open { mode });
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(1024));
    file.take(LONGEST).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == LONGEST {
        return Err(FileFault::TooLong);
    }
    trim_line_break(&mut bytes);
    if bytes.is_empty() {
        return Err(FileFault::Empty);
    }
    Ok(bytes)
}

/// Whether development mode made this secret.
pub(crate) fn is_of_development(secret: &[u8]) -> bool {
    secret.starts_with(DEVELOPMENT.as_bytes())
}

/// A master key is 64 hexadecimal digits, after the mark where development mode made it. `None` for
/// anything else.
pub(crate) fn parse_master(secret: &[u8]) -> Option<MasterKey> {
    let digits = secret
        .strip_prefix(DEVELOPMENT.as_bytes())
        .unwrap_or(secret);
    let mut key = Zeroizing::new([0; 32]);
    let pairs = digits.as_chunks::<2>();
    if pairs.0.len() != key.len() || !pairs.1.is_empty() {
        return None;
    }
    for (byte, [high, low]) in key.iter_mut().zip(pairs.0) {
        let digit = |c: u8| {
            char::from(c)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(MasterKey::new(*key))
}

/// The secret of development mode in that file; made where there is none. Safe against others who
/// make it at the same time: one of them wins and all read the same.
pub(crate) fn read_or_make(path: &Path, entropy: &dyn Entropy) -> Result<Secret, MakeFault> {
    match read_file(path) {
        Err(FileFault::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => {
            make(path, entropy)?;
            Ok(read_file(path)?)
        }
        result => Ok(result?),
    }
}

/// Why development mode has no secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MakeFault {
    /// The file is not good.
    #[error(transparent)]
    File(#[from] FileFault),
    /// The file cannot be made.
    #[error("cannot be made: {0}")]
    Make(#[from] io::Error),
    /// No random bytes.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
}

fn make(path: &Path, entropy: &dyn Entropy) -> Result<(), MakeFault> {
    let mut random = Zeroizing::new([0; 32]);
    entropy.fill(random.as_mut())?;
    let mut text = Zeroizing::new(String::with_capacity(128));
    text.push_str(DEVELOPMENT);
    for byte in random.iter() {
        for nibble in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(nibble.into(), 16));
        }
    }
    // Written beside it and linked into place: whoever finds the file finds all of it.
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    crate::data::write_private(&draft, text.as_bytes())?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

fn trim_line_break(bytes: &mut Vec<u8>) {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::SystemEntropy;

    #[test]
    fn one_line_break_at_the_end_is_not_part_of_a_secret() {
        for (text, rest) in [("a \n", "a "), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a")] {
            let mut bytes = text.as_bytes().to_vec();
            trim_line_break(&mut bytes);
            assert_eq!(bytes, rest.as_bytes());
        }
    }

    #[test]
    fn a_master_key_is_64_hexadecimal_digits() {
        let digits = "0123456789abcdefABCDEF0000000000000000000000000000000000000000ff";
        assert!(parse_master(digits.as_bytes()).is_some());
        assert!(parse_master(format!("daemun-dev-{digits}").as_bytes()).is_some());
        for wrong in [
            "",
            "00",
            &digits[1..],
            &format!("{digits}0"),
            &digits.replace('f', "g"),
            &digits.replace("0000", "+0+0"),
        ] {
            assert!(parse_master(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_of_development_is_made_once_marked_and_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let first = read_or_make(&path, &SystemEntropy).unwrap();
        assert_eq!(read_or_make(&path, &SystemEntropy).unwrap(), first);
        assert!(is_of_development(&first));
        assert!(parse_master(&first).is_some());
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_secret_that_everybody_may_read_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        fs::write(&path, "s3cret\n").unwrap();
        for (mode, taken) in [(0o644, false), (0o602, false), (0o640, true), (0o600, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            assert_eq!(read_file(&path).is_ok(), taken, "{mode:o}");
        }
    }
}
