//! What never reaches a log.

use std::{
    io::{self, Write},
    sync::{Arc, Mutex},
    time::Duration,
};

use daemun_mail::{SmtpConfig, SmtpCourier, SmtpLogin, WebhookConfig, WebhookCourier, hand_over};
use tracing_subscriber::fmt::MakeWriter;

use crate::{
    outbox::Mark,
    python::MailServer,
    support::{Room, code, free_port, letter, mail_to, smtp_config},
};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

const SECRETS: [&str; 6] = [
    "canary",
    "482913",
    "hush-hush",
    "aHVzaC1odXNo",
    "01012345678",
    "인증",
];

fn assert_keeps_quiet(text: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn s86_neither_address_nor_code_nor_password_reaches_the_log_even_at_trace_level() {
    let arguments = ["--login", "daemun", "hush-hush", "--script", "451,554"];
    let Some(server) = MailServer::start(&arguments).await else {
        return;
    };
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    // For the whole process: what the other tests log must keep quiet as well.
    tracing::subscriber::set_global_default(subscriber).unwrap();

    let room = Room::new();
    let courier = SmtpCourier::new(SmtpConfig {
        login: Some(SmtpLogin {
            user: "daemun".into(),
            password: "hush-hush".into(),
        }),
        ..smtp_config(server.port)
    })
    .unwrap();
    let worker = room.at_work(Arc::new(courier));
    let id = room.post(&mail_to("canary@example.com", code("482913")));
    assert_eq!(room.outbox.mark().await, Mark::Retry(id, "smtp 451".into()));
    assert_eq!(
        room.outbox.mark().await,
        Mark::GivenUp(id, "smtp 554".into())
    );
    let fine = room.post(&mail_to("canary@example.com", code("482913")));
    assert_eq!(room.outbox.mark().await, Mark::Sent(fine));
    worker.stop().await;

    let webhook = WebhookCourier::new(&WebhookConfig {
        url: format!("http://127.0.0.1:{}/canary", free_port()),
        token: "hush-hush".into(),
        timeout: Duration::from_secs(5),
    })
    .unwrap();
    hand_over(&webhook, &letter("01012345678"))
        .await
        .unwrap_err();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    for told in [
        "message not sent, will retry outbox_id=1 attempt=1 error=smtp 451",
        "message given up outbox_id=1 attempt=2 error=smtp 554",
        "message sent outbox_id=2 attempt=1",
    ] {
        assert!(log.contains(told), "{told} not in {log}");
    }
    assert_keeps_quiet(&log);
}

#[test]
fn debug_output_shows_no_secret() {
    let mut config = smtp_config(25);
    config.login = Some(SmtpLogin {
        user: "daemun".into(),
        password: "hush-hush".into(),
    });
    let webhook = WebhookConfig {
        url: "https://sms.example.com/canary".into(),
        token: "hush-hush".into(),
        timeout: Duration::from_secs(5),
    };
    assert_keeps_quiet(&format!(
        "{config:?} {webhook:?} {:?} {:?} {:?}",
        config.login,
        letter("canary@example.com"),
        SmtpCourier::new(config.clone()).unwrap(),
    ));
}
