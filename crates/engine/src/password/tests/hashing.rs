use argon2::{Algorithm, Argon2, AssociatedData, Block, ParamsBuilder, Version};
use proptest::prelude::*;

use super::*;
use crate::password::{
    argon2id::{Memory, Phc},
    foreign::Stored,
};

#[test]
fn the_test_vector_of_rfc_9106_holds() {
    let params = ParamsBuilder::new()
        .m_cost(32)
        .t_cost(3)
        .p_cost(4)
        .data(AssociatedData::new(&[4; 12]).unwrap())
        .build()
        .unwrap();
    let mut blocks = vec![Block::new(); params.block_count()];
    let mut tag = [0; 32];
    Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, params)
        .unwrap()
        .hash_password_into_with_memory(&[1; 32], &[2; 16], &mut tag, &mut blocks)
        .unwrap();
    let expected = [
        0x0d, 0x64, 0x0d, 0xf5, 0x8d, 0x78, 0x76, 0x6c, 0x08, 0xc0, 0x37, 0xa3, 0x4a, 0x8b, 0x53,
        0xc9, 0xd0, 0x1e, 0xf0, 0x45, 0x2d, 0x75, 0xb6, 0x5e, 0xb5, 0x25, 0x20, 0xe9, 0x6b, 0x01,
        0xe6, 0x59,
    ];
    assert_eq!(tag, expected);
}

#[tokio::test]
async fn s65_a_hash_of_ours_names_what_it_cost() {
    let hash = hash(&hasher(), PHRASE).await;
    let text = hash.as_stored();
    assert!(
        text.starts_with("$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$"),
        "{text}"
    );
    assert!(matches(&hasher(), PHRASE, &hash).await);
}

#[test]
fn s65_less_than_that_is_not_configurable() {
    let start = |memory_kib, passes| {
        Hasher::new(HashingConfig {
            memory_kib,
            passes,
            ..HashingConfig::default()
        })
    };
    assert!(matches!(start(19_455, 2), Err(HashingFault::TooCheap)));
    assert!(matches!(start(19_456, 1), Err(HashingFault::TooCheap)));
    assert!(matches!(start(u32::MAX, 2), Err(HashingFault::TooDear)));
    let nobody = HashingConfig {
        threads: 0,
        ..HashingConfig::default()
    };
    assert!(matches!(Hasher::new(nobody), Err(HashingFault::NoThread)));
}

#[tokio::test]
async fn s61_composed_and_decomposed_hangul_are_the_same_password() {
    let hasher = hasher();
    let composed = "비밀번호는 길수록 좋다";
    let decomposed: String = unicode_normalization::UnicodeNormalization::nfd(composed).collect();
    assert_ne!(composed, decomposed);
    let of_composed = hash(&hasher, composed).await;
    let of_decomposed = hash(&hasher, &decomposed).await;
    assert!(matches(&hasher, &decomposed, &of_composed).await);
    assert!(matches(&hasher, composed, &of_decomposed).await);
}

#[tokio::test]
async fn s62_every_character_matters() {
    let hasher = hasher();
    let text: String = ('a'..='z').cycle().take(128).collect();
    let hash = hash(&hasher, &text).await;
    for at in [72, 127] {
        let mut other = text.clone();
        other.replace_range(at..=at, "#");
        assert!(!matches(&hasher, &other, &hash).await, "differs at {at}");
    }
    assert!(!matches(&hasher, &text[..127], &hash).await);
    assert!(matches(&hasher, &text, &hash).await);
}

#[tokio::test]
async fn s62_what_follows_a_nul_matters() {
    let hasher = hasher();
    let hash = hash(&hasher, "correct\0horse").await;
    assert!(!matches(&hasher, "correct\0house", &hash).await);
    assert!(!matches(&hasher, "correct", &hash).await);
    assert!(matches(&hasher, "correct\0horse", &hash).await);
}

#[tokio::test]
async fn s63_spaces_matter() {
    let hasher = hasher();
    let hash = hash(&hasher, " correct  horse ").await;
    for other in [
        "correct  horse",
        " correct horse ",
        " correct  horse",
        "correct  horse ",
    ] {
        assert!(!matches(&hasher, other, &hash).await, "{other:?}");
    }
    assert!(matches(&hasher, " correct  horse ", &hash).await);
}

#[tokio::test]
async fn s66_raised_parameters_upgrade_at_login() {
    let old = hash(&hasher(), PHRASE).await;
    let raised = Hasher::new(HashingConfig {
        threads: 1,
        passes: 3,
        ..HashingConfig::default()
    })
    .unwrap();
    let checked = verify(&raised, PHRASE, Some(old.clone())).await.unwrap();
    assert!(checked.matches);
    let upgraded = checked.upgraded.unwrap();
    assert!(
        upgraded
            .as_stored()
            .starts_with("$argon2id$v=19$m=19456,t=3,p=1$CQkJ")
    );

    let again = verify(&raised, PHRASE, Some(upgraded)).await.unwrap();
    assert!(again.matches && again.upgraded.is_none());
    let wrong = verify(&raised, "another", Some(old)).await.unwrap();
    assert!(!wrong.matches && wrong.upgraded.is_none());
}

#[tokio::test]
async fn s73_where_there_is_no_account_the_same_work_is_done() {
    let hasher = hasher();
    let hash = hash(&hasher, PHRASE).await;
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let began = std::time::Instant::now();
        assert!(!matches(&hasher, "another", &hash).await);
        known.push(began.elapsed());
        let began = std::time::Instant::now();
        assert!(!verify(&hasher, "another", None).await.unwrap().matches);
        unknown.push(began.elapsed());
    }
    // The fastest of each, since whatever else runs only ever adds. A mere look-up is a thousand
    // times faster.
    let (known, unknown) = (known.iter().min().unwrap(), unknown.iter().min().unwrap());
    assert!(
        *unknown > *known / 2 && *known > *unknown / 2,
        "{known:?} {unknown:?}"
    );
}

#[test]
fn memory_is_mapped_anew_after_it_was_given_up() {
    let mut memory = Memory::default();
    assert!(memory.is_empty());
    let make = |memory: &mut Memory| {
        let phc = Stored::parse(
            "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        );
        phc.unwrap().matches(b"password", memory).unwrap()
    };
    make(&mut memory);
    assert!(!memory.is_empty());
    memory.trim();
    assert!(!memory.is_empty(), "what we need ourselves is kept");
    memory.release();
    assert!(memory.is_empty());
    make(&mut memory);
}

proptest! {
    #[test]
    fn f18_a_phc_string_reads_back_as_it_was_written(
        algorithm in prop::sample::select(vec!["argon2d", "argon2i", "argon2id"]),
        memory in 8_u32..100_000,
        passes in 1_u32..=40,
        salt in prop::collection::vec(any::<u8>(), 8..=64),
        tag in prop::collection::vec(any::<u8>(), 16..=64),
    ) {
        let base64 = base64_simd::STANDARD_NO_PAD;
        let (salt, tag) = (base64.encode_to_string(salt), base64.encode_to_string(tag));
        let text = format!("${algorithm}$v=19$m={memory},t={passes},p=1${salt}${tag}");
        prop_assert_eq!(Phc::parse(&text).unwrap().to_string(), text);
    }

    #[test]
    fn f18_no_stored_text_breaks_the_parser(
        prefix in prop::sample::select(vec![
            "", "$argon2id$", "$argon2id$v=19$m=", "argon2$argon2id$", "pbkdf2_sha256$", "!", "$2b$",
            "bcrypt_sha256$$2b$12$", "scrypt$", "$scrypt$ln=", "$pbkdf2-sha256$", "{bcrypt}", "{",
            "{pbkdf2}", "{scrypt}$",
        ]),
        rest in "[ -~]{0,80}|\\PC{0,80}",
    ) {
        let _ = Stored::parse(&format!("{prefix}{rest}"));
    }
}
