//! The way to the stores, encrypted: whoever cannot prove to be the server that was named is told nothing.

use std::{fs, sync::Arc};

use daemun_test_servers::{Papers, Postgres, Redis};
use tempfile::TempDir;

use super::{
    cluster::{CONFIG, EMAIL, PASSWORD, SECRETS, log_in, log_out, me, refresh},
    promises::doctor,
};
use crate::harness::{Start, run};

/// By which libraries find whom to trust, where they are not told.
const TRUSTED: &str = "SSL_CERT_FILE";

#[tokio::test]
async fn both_stores_are_reached_encrypted() {
    let Some(papers) = Papers::of("localhost") else {
        return;
    };
    let (Some(postgres), Some(redis)) = (
        Postgres::at_localhost(Some(&papers)),
        Redis::at_localhost(Some(&papers)),
    ) else {
        return;
    };
    let certificate = papers.certificate().display().to_string();
    let accounts = format!(
        "{}?sslmode=verify-full&sslrootcert={certificate}",
        postgres.tcp_url()
    );
    let sessions = redis.tls_url();
    let environment = [
        ("DAEMUN_STORE_ACCOUNTS", &*accounts),
        ("DAEMUN_STORE_SESSIONS", &sessions),
        (TRUSTED, &certificate),
    ];
    let environment = [&SECRETS[..], &environment].concat();
    let folder = Arc::new(TempDir::new().unwrap());
    let config = folder.path().join("daemun.toml");
    fs::write(&config, CONFIG).unwrap();
    let start = Start::production(folder, &config);
    let start = environment
        .iter()
        .fold(start, |start, (name, value)| start.with(name, value));
    let daemun = start.go().await;
    let create = ["account", "create", "--email", EMAIL, "--verified"];
    let place = ["--password-stdin", "--config", config.to_str().unwrap()];
    run(&[&create[..], &place].concat(), &environment, PASSWORD).expect(0);
    let tokens = log_in(&daemun, EMAIL).await;
    let next = refresh(&daemun, &tokens["refresh_token"]).await;
    let next = next.expect(200).json();
    log_out(&daemun, &next).await.expect(204);
    assert_eq!(me(&daemun, &next).await, 401);
    let open = "SELECT count(*) FILTER (WHERE ssl), count(*) FILTER (WHERE NOT ssl)
                  FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
                 WHERE application_name = 'daemun'";
    let open = postgres.query(open);
    let (encrypted, plain) = open.split_once('|').unwrap();
    assert!(encrypted != "0" && plain == "0", "{open}");
}

#[tokio::test]
async fn a_database_that_cannot_prove_who_it_is_is_told_nothing() {
    let (Some(papers), Some(others)) = (Papers::of("localhost"), Papers::of("elsewhere.example"))
    else {
        return;
    };
    let servers = [Some(&papers), Some(&others), None].map(Postgres::at_localhost);
    let [Some(good), Some(other), Some(plain)] = servers else {
        return;
    };
    let trusting = |server: &Postgres, papers: &Papers| {
        let certificate = papers.certificate().display().to_string();
        format!(
            "{}?sslmode=verify-full&sslrootcert={certificate}",
            server.tcp_url()
        )
    };
    for (what, url, why) in [
        ("trusted", trusting(&good, &papers), None),
        (
            "of another authority",
            trusting(&good, &others),
            Some("certificate"),
        ),
        (
            "of an authority the system does not know",
            format!("{}?sslmode=verify-full", good.tcp_url()),
            Some("certificate"),
        ),
        (
            "of another name",
            trusting(&other, &others),
            Some("certificate"),
        ),
        ("unencrypted", trusting(&plain, &papers), Some("TLS")),
    ] {
        let ran = doctor(&[("DAEMUN_STORE_ACCOUNTS", &url)]);
        let Some(why) = why else {
            assert!(ran.stdout.contains("the database is empty"), "{ran:?}");
            continue;
        };
        assert_eq!(ran.code, 1, "{what}: {ran:?}");
        assert!(ran.stderr.contains(why), "{what}: {ran:?}");
    }
}

#[tokio::test]
async fn a_redis_that_cannot_prove_who_it_is_is_told_nothing() {
    let (Some(papers), Some(others)) = (Papers::of("localhost"), Papers::of("elsewhere.example"))
    else {
        return;
    };
    let servers = [Some(&papers), Some(&others), None].map(Redis::at_localhost);
    let [Some(good), Some(other), Some(plain)] = servers else {
        return;
    };
    for (what, server, trusted, is_good) in [
        ("trusted", &good, &papers, true),
        ("of another authority", &good, &others, false),
        ("of another name", &other, &others, false),
        ("unencrypted", &plain, &papers, false),
    ] {
        let certificate = trusted.certificate().display().to_string();
        let ran = doctor(&[
            ("DAEMUN_STORE_SESSIONS", &server.tls_url()),
            (TRUSTED, &certificate),
        ]);
        let is_refused = ran.stderr.contains("Is it running");
        assert_eq!(is_refused, !is_good, "{what}: {ran:?}");
        // It forgets all at a restart: so it was asked.
        assert_eq!(
            ran.stdout.contains("appendonly no"),
            is_good,
            "{what}: {ran:?}"
        );
    }
}
