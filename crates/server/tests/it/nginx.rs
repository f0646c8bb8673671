//! A real nginx.

use std::{
    fs,
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_secs(20);

/// nginx with one site; it is gone when this is dropped.
pub struct Nginx {
    child: Child,
    port: u16,
    folder: TempDir,
}

impl Nginx {
    /// `site` is what stands within `http`, and listens on port 80: here on another.
    pub async fn start(site: &str) -> Self {
        let reserved = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = reserved.local_addr().expect("an address").port();
        drop(reserved);
        assert!(site.contains("listen 80;"), "it does not listen: {site}");
        let site = site.replace("listen 80;", &format!("listen 127.0.0.1:{port};"));
        let folder = TempDir::new().expect("a folder");
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path tmp_{name};"))
            .concat();
        let config = format!(
            "daemon off; master_process off; pid pid; error_log error.log notice;\n\
             events {{}}\nhttp {{ access_log off; {temporary}\n{site}}}\n"
        );
        fs::write(folder.path().join("nginx.conf"), config).expect("a file");
        let child = Command::new(program())
            .arg("-p")
            .arg(folder.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx; Debian: apt-get install nginx-light");
        let mut nginx = Self {
            child,
            port,
            folder,
        };
        nginx.await_ready().await;
        nginx
    }

    pub const fn port(&self) -> u16 {
        self.port
    }

    async fn await_ready(&mut self) {
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let ended = self.child.try_wait().expect("a child");
            let log = self.log();
            assert!(
                ended.is_none() && begun.elapsed() < PATIENCE,
                "nginx does not start: {log}"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("error.log")).unwrap_or_default()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- what nginx logged:\n{}---", self.log());
        }
    }
}

/// Debian has it among the system's programs, which are not on everybody's path.
fn program() -> &'static str {
    let known = "/usr/sbin/nginx";
    if Path::new(known).is_file() {
        known
    } else {
        "nginx"
    }
}
