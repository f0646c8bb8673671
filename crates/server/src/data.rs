//! The data directory: one daemun's whole estate. It holds the database, the lock by which only
//! one server runs on it, the socket by which commands tell that server of what they changed, and,
//! in development, the secrets.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::{
    report::{Failure, Kind, Outcome},
    stores::Choice,
};

/// A data directory that is there.
#[derive(Clone, Debug)]
pub(crate) struct DataDir {
    path: PathBuf,
}

/// The right to be the one server on a data directory, for as long as this lives: the system takes
/// the lock back when the process ends, however it ends.
pub(crate) struct Lock {
    _file: File,
}

impl DataDir {
    /// The directory, which must be there and hold a database, unless that is elsewhere.
    pub(crate) fn existing(path: &Path, stores: &Choice) -> Outcome<Self> {
        let data = Self { path: path.into() };
        if data.database().exists() || !stores.is_embedded() {
            return Ok(data);
        }
        let shown = path.display();
        Err(
            Failure::new(Kind::Unreachable, format!("there is no data in {shown}"))
                .because("no server has run on it yet, or it is another directory")
                .mend(format!(
                    "--data DIR of the server, or start one: daemun dev --data {shown}"
                )),
        )
    }

    /// The directory, whatever is in it.
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.into() }
    }

    /// The directory; made for this user alone where it is not there.
    pub(crate) fn create(path: &Path) -> Outcome<Self> {
        let failed = |error: io::Error| {
            let what = format!("the data directory {} cannot be made", path.display());
            Failure::new(Kind::Unreachable, what)
                .because(error)
                .mend("a directory that this user may write in, as --data or `data`")
        };
        if !path.is_dir() {
            let mut builder = DirBuilder::new();
            builder
                .recursive(true)
                .mode(0o700)
                .create(path)
                .map_err(failed)?;
        }
        let path = path.canonicalize().map_err(failed)?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.path.join("daemun.db")
    }

    pub(crate) fn control_socket(&self) -> PathBuf {
        self.path.join("control.sock")
    }

    /// The master key of development mode.
    pub(crate) fn master_key(&self) -> PathBuf {
        self.path.join("master.key")
    }

    /// The legacy secret of development mode.
    pub(crate) fn legacy_secret(&self) -> PathBuf {
        self.path.join("legacy.secret")
    }

    /// Becomes the one server on this directory.
    pub(crate) fn lock(&self) -> Outcome<Lock> {
        let failed = |error: io::Error| {
            let what = format!("{} cannot be locked", self.path.display());
            Failure::new(Kind::Unreachable, what).because(error)
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        let path = self.path.join("lock");
        let mut file = options.mode(0o600).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(self.taken(&mut file)),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        file.rewind().map_err(failed)?;
        writeln!(file, "{}", std::process::id()).map_err(failed)?;
        Ok(Lock { _file: file })
    }

    fn taken(&self, file: &mut File) -> Failure {
        let mut pid = String::new();
        let _ = file.read_to_string(&mut pid);
        let pid = match pid.trim() {
            "" => "another process".into(),
            pid => format!("process {pid}"),
        };
        let what = format!("another daemun ({pid}) serves {}", self.path.display());
        Failure::new(Kind::Conflict, what)
            .because("two servers on one data directory would not know of each other's revocations")
            .mend("stop that one, or give this one another directory: --data DIR")
    }
}

/// Writes a file that only this user may read.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(path)?;
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    file.write_all(content)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_directory_is_private_and_has_one_server() {
        let folder = tempfile::tempdir().unwrap();
        let data = DataDir::create(&folder.path().join("deep/data")).unwrap();
        let mode = fs::metadata(data.path()).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);

        let lock = data.lock().unwrap();
        let refused = data.lock().err().unwrap();
        assert_eq!(refused.kind, Kind::Conflict);
        assert!(format!("{refused:?}").contains(&std::process::id().to_string()));
        drop(lock);
        assert!(data.lock().is_ok());
    }

    #[test]
    fn a_directory_without_a_database_is_not_taken_for_data() {
        let folder = tempfile::tempdir().unwrap();
        let failure = DataDir::existing(folder.path(), &Choice::default()).unwrap_err();
        assert_eq!(failure.kind, Kind::Unreachable);
    }
}
