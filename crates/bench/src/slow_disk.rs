//! A disk that takes its time: a library preloaded into the server adds a millisecond to every flush.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <time.h>

static void wait_a_millisecond(void) {
    struct timespec millisecond = {0, 1000000};
    nanosleep(&millisecond, 0);
}

#define SLOW(name)                                                        \
    int name(int file) {                                                  \
        static int (*real)(int);                                          \
        if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, #name);          \
        wait_a_millisecond();                                             \
        return real(file);                                                \
    }

SLOW(fsync)
SLOW(fdatasync)
"#;

/// Compiles the library into `folder` and tells where it is.
pub fn compile(folder: &Path) -> Result<PathBuf> {
    let (source, library) = (folder.join("slow_disk.c"), folder.join("slow_disk.so"));
    std::fs::write(&source, SOURCE)?;
    let compiled = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(&source)
        .arg("-ldl")
        .status();
    if !compiled.is_ok_and(|status| status.success()) {
        return Err("a C compiler named cc is needed to slow the disk down".into());
    }
    Ok(library)
}
