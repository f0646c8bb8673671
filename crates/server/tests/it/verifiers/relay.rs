//! One address for a server that comes back on another port.

use std::sync::{Arc, Mutex};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
};

pub struct Relay {
    url: String,
    target: Arc<Mutex<String>>,
}

impl Relay {
    /// In front of the server of that URL. It ends with the test.
    pub async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let target = Arc::new(Mutex::new(String::new()));
        let relay = Self {
            url: format!("http://{address}"),
            target: Arc::clone(&target),
        };
        relay.now_to(url);
        tokio::spawn(async move {
            while let Ok((mut front, _)) = listener.accept().await {
                let target = target.lock().expect("an address").clone();
                tokio::spawn(async move {
                    // Where nobody is, whoever called is hung up on.
                    if let Ok(mut back) = TcpStream::connect(target).await {
                        let _ = copy_bidirectional(&mut front, &mut back).await;
                    }
                });
            }
        });
        relay
    }

    pub fn url(&self) -> String {
        self.url.clone()
    }

    pub fn now_to(&self, url: &str) {
        let address = url.trim_start_matches("http://");
        address.clone_into(&mut self.target.lock().expect("an address"));
    }
}
