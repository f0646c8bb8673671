//! Signed in to read, owner to write.

use std::sync::Arc;

use daemun_verify::{OwnerOrReadOnly, Principal, Refusal, Subject, test_kit::TestIssuer};
use http::Method;

const OWNER: i64 = 1;

async fn who(account: i64, role: &str) -> Arc<Principal> {
    let issuer = TestIssuer::native();
    let token = issuer.token(account).role(role).mint();
    issuer.resource_server().check(&token).await.unwrap()
}

#[tokio::test]
async fn the_table_holds() {
    let owner = who(OWNER, "member").await;
    let other = who(2, "member").await;
    let admin = who(3, "admin").await;
    let people = [None, Some(&other), Some(&admin), Some(&owner)];
    let rule = OwnerOrReadOnly::new;
    let anonymous = Some(Refusal::MissingToken);
    let (forbidden, hidden) = (Some(Refusal::Forbidden), Some(Refusal::NotFound));
    for (rule, reads, writes) in [
        (
            rule(),
            [anonymous.clone(), None, None, None],
            [
                anonymous.clone(),
                forbidden.clone(),
                forbidden.clone(),
                None,
            ],
        ),
        (
            rule().anonymous_read(),
            [None, None, None, None],
            [
                anonymous.clone(),
                forbidden.clone(),
                forbidden.clone(),
                None,
            ],
        ),
        (
            rule().or_role("admin"),
            [anonymous.clone(), None, None, None],
            [anonymous.clone(), forbidden, None, None],
        ),
        (
            rule().conceal(),
            [anonymous.clone(), None, None, None],
            [anonymous.clone(), hidden.clone(), hidden.clone(), None],
        ),
        (
            rule().conceal().or_role("admin").anonymous_read(),
            [None, None, None, None],
            [anonymous, hidden, None, None],
        ),
    ] {
        for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
            for (person, expected) in people.iter().zip(&reads) {
                let said = rule
                    .check(&method, person.map(|one| &**one), &OWNER.into())
                    .err();
                assert_eq!(&said, expected, "{rule:?} {method}");
            }
        }
        for method in [
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::from_bytes(b"PURGE").unwrap(),
        ] {
            for (person, expected) in people.iter().zip(&writes) {
                let said = rule
                    .check(&method, person.map(|one| &**one), &OWNER.into())
                    .err();
                assert_eq!(&said, expected, "{rule:?} {method}");
            }
        }
    }
}

#[tokio::test]
async fn s18_a_callers_subject_owns_nothing_of_the_account_with_the_same_number() {
    let named = Subject::Named {
        name: "1".into(),
        kind: "".into(),
    };
    let owner = who(OWNER, "member").await;
    let said = OwnerOrReadOnly::new().check(&Method::PUT, Some(&owner), &named);
    assert_eq!(said, Err(Refusal::Forbidden));
}
