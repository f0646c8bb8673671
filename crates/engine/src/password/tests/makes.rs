//! Hashes that real programs made, one after the other.

use proptest::{prelude::*, sample::select};
use unicode_normalization::UnicodeNormalization;

use super::*;
use crate::password::foreign::Stored;

/// What they made of [`PHRASE`], and what [`make_of`] says of it.
const OF_PHRASE: &[(&str, &[&str])] = &[
    // Django 5.2, with its defaults and with fewer iterations.
    (
        "Django pbkdf2_sha256",
        &[
            "pbkdf2_sha256$1000000$md9UuZaL9GXDfZbdVAyr1L$gOIU2KXD9iL3sXuc87H9GZK1SsafhhZ9GEmCvUT7rQ8=",
            "pbkdf2_sha256$600000$seasalt$p78bzY5A3jQXt9cAg8KJze99WheAxmbQ15dD5bjNlc0=",
        ],
    ),
    (
        "Django pbkdf2_sha1",
        &["pbkdf2_sha1$1000000$1Q86lomJJbS9HJoarCJtNb$TQgdyfq5hHL4v9CY/fORoLQWseo="],
    ),
    (
        "Django bcrypt_sha256",
        &["bcrypt_sha256$$2b$12$HoDDvNHtS5x44tVOmhTdI.1NfB9xjHN7GEZqL3lPbVPHg5M6kFYPS"],
    ),
    (
        "Django bcrypt",
        &["bcrypt$$2b$12$eNmYBvAtD9Sx9QV4xt.KZOHLuI.gYZr4uoRk/UET0WnKBuVL904TW"],
    ),
    (
        "Django scrypt",
        &[
            "scrypt$16384$nV461dhrk9Yts5p8w1gFBc$8$5$YqrWSHI0tUKswLajKAnzY/WrE7qhPJWwcey7j4sHlbdYRjH26bApZMxjUz0FIrFLyIs3GGqDjKu2aqq7Vyh5Og==",
        ],
    ),
    (
        "Django argon2",
        &[
            "argon2$argon2id$v=19$m=102400,t=2,p=8$RU1RVXNLQ1E0UWZCbE9XZW9OZU1LdA$16werIrC36RJCQb+9pGK/KfnBdEUlz8fha8cZ5lMjN0",
            "argon2$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$5l/6JZAfqjZG7p3dydXnonRrffoxI18M",
        ],
    ),
    // crypt(3) of libxcrypt, and Python's bcrypt 5.
    (
        "bcrypt",
        &[
            "$2a$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
            "$2b$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
            "$2y$06$abcdefghijklmnopqrstuu50eFBEC8vQwBnuFXMHE45jBnqvQ8xz.",
            "$2a$05$VCunrSUNS34j6Hs.CzHGNe.XVAvjPqlDydgQ3el/bvCBEvOT0Z6Re",
            "$2b$12$2lyl//xm5W8PH1uzymbu.O5LxB/hqr/xa/ubMNKx/gNFfTlgnQtcK",
        ],
    ),
    // The reference implementation, by argon2-cffi; the last is the one before it as it was written
    // before versions were.
    (
        "Argon2",
        &[
            "$argon2d$v=16$m=256,t=2,p=2$c29tZXNhbHQ$S4sf27hcrXg1wMAObBGO0W1g2nHNbXKE",
            "$argon2d$v=19$m=256,t=2,p=2$c29tZXNhbHQ$b6tLHOoPtHsHAzU2s2WyKy3fVK/2MbmH",
            "$argon2i$v=16$m=256,t=2,p=2$c29tZXNhbHQ$2i2I7Si5QB9hEeZKV61qWUWDB8w7TiAG",
            "$argon2i$v=19$m=256,t=2,p=2$c29tZXNhbHQ$5l/6JZAfqjZG7p3dydXnonRrffoxI18M",
            "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$6SlWgIkzZFH3JqlFqzwp7/Iht8IjKjnM",
            "$argon2id$v=16$m=256,t=2,p=2$c29tZXNhbHQ$vIm9zRYw0JQs3Pyz/kgVkNDa4Qy/6Hj+",
            "$argon2id$m=256,t=2,p=2$c29tZXNhbHQ$vIm9zRYw0JQs3Pyz/kgVkNDa4Qy/6Hj+",
        ],
    ),
    // passlib 1.7.4, and hashlib's in the form of a PHC string.
    (
        "scrypt",
        &[
            "$scrypt$ln=16,r=8,p=1$n9MaYyzlfG+t1XpP6d27tw$o9f2ZvJo6NYHR9pfs/M942JHn7vtAf/xuRAEeEPnHXI",
        ],
    ),
    (
        "pbkdf2-sha1",
        &[
            "$pbkdf2$131000$GgMAICQkxPhfa43x/n8vBQ$hvGrAalC8pfX11StZ2lvNuq1dts",
            "$pbkdf2-sha1$i=10000,l=20$5tCO+zD6vj+YXDJ7+brznw$33v0y9+xEKUKNkX1MnoEekRCGiY",
        ],
    ),
    (
        "pbkdf2-sha256",
        &[
            "$pbkdf2-sha256$29000$lDImpLS21tpbK.Xc.5/zng$PHiyac8nhhHIQbmU6avCov4W3pyA2MF/7pE0rojIryQ",
            "$pbkdf2-sha256$i=10000,l=32$wqrqne7EECKowU694Xl7mg$cWIJJLwwGLxE//FOIH8HyErMofigbCOAZ3KZwhza6Iw",
            "$pbkdf2-sha256$i=10000$wqrqne7EECKowU694Xl7mg$cWIJJLwwGLxE//FOIH8HyErMofigbCOAZ3KZwhza6Iw",
        ],
    ),
    (
        "pbkdf2-sha512",
        &[
            "$pbkdf2-sha512$25000$jzFGSIkxBoBwbg2hlDKmlA$Dr1d6M0Pj.MHWQB1Vu7PS9B26UBxKRkAbUlGpOjX62YnsKLUsq7GOzP7Iqb1qEWP1r/VVYvLCeWlaGyL824UZw",
            "$pbkdf2-sha512$i=10000,l=64$egPdTh9IGH5GXl1ea76n5w$AjusouiVggN2LTi/ay2j/s1CnEVmvrIlnhEuI3GZ1eQ2shJz7zjMR943sqnVXpZZe4/dxGQcMQASNUsV7RoGJA",
        ],
    ),
    // Java's own PBKDF2 and hashlib's scrypt with what Spring's factory sets, in Spring's form.
    (
        "Spring pbkdf2 (5.5)",
        &[
            "{pbkdf2}efed3789e49669735b15d4d5439bb391324c29b1a9f005d8fd434e22f72f1bde6606366db29a0ec3",
            "{pbkdf2}7+03ieSWaXNbFdTVQ5uzkTJMKbGp8AXY/UNOIvcvG95mBjZtspoOww==",
        ],
    ),
    (
        "Spring pbkdf2 (5.8)",
        &[
            "{pbkdf2@SpringSecurity_v5_8}30686f5754c7ff34784654e0c8020ffbe2329b84538ee0e08e24e39aa57cfc0a06035acf49d720bd8624b1d8bf0d5051",
        ],
    ),
    (
        "Spring scrypt",
        &[
            "{scrypt@SpringSecurity_v5_8}$100801$W/DIRd+TmUIRoctau02NQA==$RNZ3LHe/uGBbdflUStuWDICOTb9dbzYpbpqT7NciwwU=",
        ],
    ),
    (
        "Spring argon2",
        &[
            "{argon2@SpringSecurity_v5_8}$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$6SlWgIkzZFH3JqlFqzwp7/Iht8IjKjnM",
        ],
    ),
];

/// What Spring Security's own tests hold to be hashes of `password`.
const SPRINGS_OWN: [&str; 4] = [
    "{bcrypt}$2a$10$dXJ3SW6G7P50lGmMkkmwe.20cQQubK3.HZWzG3YB1tlRy.fqvM/BG",
    "{argon2}$argon2d$v=19$m=1024,t=1,p=1$c29tZXNhbHQ$Li5eBf5XrCz0cuzQRe9oflYqmA/VAzmzichw4ZYrvEU",
    "{pbkdf2}5d923b44a6d129f3ddf3e3c8d29412723dcbde72445e8ef6bf3b508fbf17fa4ed4d6b99ca763d8dc",
    "{scrypt}$e0801$8bWJaSu2IKSn9Z9kM+TPXfOc/9bdYSrN1oD9qfVThWEwdRTnO7re7Ei+fUZRJ68k9lTyuTeUp4of4g24hHnazw==$OAOec05+bXxvuu/1qZ6NUR+xQYvYv7BeL1QxwRpY5Pc=",
];

/// `PHRASE` in other makes: every text, one after the other.
fn of_phrase() -> impl Iterator<Item = &'static str> {
    OF_PHRASE
        .iter()
        .flat_map(|(_, texts)| texts.iter().copied())
}

#[tokio::test]
async fn s66_hashes_of_other_back_ends_match_and_become_ours() {
    let hasher = hasher();
    let made_of = |phrase, texts: Vec<_>| texts.into_iter().map(move |text| (phrase, text));
    let all = made_of(PHRASE, of_phrase().collect()).chain(made_of("password", SPRINGS_OWN.into()));
    for (phrase, foreign) in all {
        let checked = verify(&hasher, phrase, stored(foreign)).await.unwrap();
        assert!(checked.matches, "{foreign}");
        let upgraded = checked.upgraded.unwrap();
        assert!(
            upgraded
                .as_stored()
                .starts_with("$argon2id$v=19$m=19456,t=2,p=1$")
        );
        let again = verify(&hasher, phrase, Some(upgraded)).await.unwrap();
        assert!(again.matches && again.upgraded.is_none(), "{foreign}");

        let wrong = verify(&hasher, "correct horse batterie", stored(foreign)).await;
        let wrong = wrong.unwrap();
        assert!(!wrong.matches && wrong.upgraded.is_none(), "{foreign}");
    }
}

#[test]
fn every_make_has_a_name() {
    for (name, texts) in OF_PHRASE {
        for text in *texts {
            assert_eq!(make_of(text), Some(*name), "{text}");
        }
    }
    let of_springs = SPRINGS_OWN.map(|text| make_of(text).unwrap());
    let names = ["bcrypt", "argon2", "pbkdf2 (5.5)", "scrypt"].map(|make| format!("Spring {make}"));
    assert_eq!(of_springs.as_slice(), names);
}

/// Four times the alphabet, and what crypt(3) and Django make of it. bcrypt alone reads 72 letters.
const FOUR_ALPHABETS: [&str; 2] = [
    "$2y$05$abcdefghijklmnopqrstuuYFqGv3lBy7bMgW0pRCUj3qpnljQnsvm",
    "bcrypt$$2b$05$7tg6i7My6TMXa.NPLxqJYePC3PRd8J/aZpOo9KSEoXvika8/E6Xri",
];

#[tokio::test]
async fn s62_bcrypt_knows_72_bytes_and_once_upgraded_all_count() {
    let hasher = hasher();
    let phrase: String = ('a'..='z').cycle().take(104).collect();
    let longer = phrase.clone() + "!";
    let mut differs_at_73 = phrase.clone();
    differs_at_73.replace_range(72..73, "#");
    let mut differs_at_72 = phrase.clone();
    differs_at_72.replace_range(71..72, "#");
    for bcrypt in FOUR_ALPHABETS {
        // As it was where it comes from: bcrypt cannot tell these from one another.
        for same_to_bcrypt in [&phrase, &differs_at_73, &longer] {
            assert!(matches(&hasher, same_to_bcrypt, &PasswordHash::from_stored(bcrypt)).await);
        }
        let wrong = verify(&hasher, &differs_at_72, stored(bcrypt)).await;
        assert!(!wrong.unwrap().matches);

        let checked = verify(&hasher, &phrase, stored(bcrypt)).await.unwrap();
        let upgraded = checked.upgraded.unwrap();
        for other in [&differs_at_73, &longer, &phrase[..72].to_owned()] {
            assert!(!matches(&hasher, other, &upgraded).await);
        }
        assert!(matches(&hasher, &phrase, &upgraded).await);
    }
}

#[tokio::test]
async fn s62_djangos_bcrypt_sha256_knows_every_byte() {
    let hasher = hasher();
    let text = "bcrypt_sha256$$2b$05$7hclCtbJfveAeT4uBurmdukyeh4WJkVt2SaGsmy7WGxj6HTJDxwb.";
    let phrase: String = ('a'..='z').cycle().take(80).collect();
    assert!(matches(&hasher, &phrase, &PasswordHash::from_stored(text)).await);
    for at in [72, 79] {
        let mut other = phrase.clone();
        other.replace_range(at..=at, "#");
        assert!(!matches(&hasher, &other, &PasswordHash::from_stored(text)).await);
    }
}

#[tokio::test]
async fn s62_a_nul_neither_ends_a_password_nor_begins_it_anew() {
    let hasher = hasher();
    let of_secret_a = "$2b$05$Ppu1Mn9DMVOcDm7aMMNVDeqKLCK1aILC2gEoxAYr9X6TVKB7qWhYK";
    let of_secret_a = PasswordHash::from_stored(of_secret_a);
    assert!(matches(&hasher, "secret a", &of_secret_a).await);
    // The latter two are the same to bcrypt itself, and the second to libraries that end at a NUL.
    for other in ["secret a\0", "secret a\0more", "secret a\0secret a"] {
        assert!(!matches(&hasher, other, &of_secret_a).await, "{other:?}");
    }
    // Django's is of everything, the NUL included.
    let of_a_nul_a = "bcrypt_sha256$$2b$05$el4uQRGJvXlKKkTbd4EQVuyLK9GWtvpteRzMQZ.NgvnplIVT06tpS";
    let of_a_nul_a = PasswordHash::from_stored(of_a_nul_a);
    assert!(matches(&hasher, "a\0a", &of_a_nul_a).await);
    assert!(!matches(&hasher, "a", &of_a_nul_a).await);
}

#[tokio::test]
async fn s61_whatever_form_a_back_end_hashed_is_found() {
    let hasher = hasher();
    let composed = "비밀번호 열다섯";
    let decomposed: String = composed.nfd().collect();
    let half = composed.split_at("비밀번호".len());
    let half = half.0.nfd().collect::<String>() + half.1;
    let forms = [composed, &half, &decomposed];
    let of_half = "$2b$05$zRtyAvCiTUz0F1u3d5Lh7e1H8NrKpEygdlyqtRvN4oVQ/Y2GqZLNy";
    let of_decomposed = "$2b$05$L7updsf4jTylY8HRwWu4fuv9XlhlAAG1V5rMNnMexPp7fzWQfJEC.";
    // Its owner may use another keyboard today, but nobody can guess what a mixed form was.
    for (text, found) in [
        (of_half, [false, true, false]),
        (of_decomposed, [true, true, true]),
    ] {
        for (form, found) in forms.into_iter().zip(found) {
            let checked = verify(&hasher, form, stored(text)).await.unwrap();
            assert_eq!(checked.matches, found, "{} for {text}", form.len());
            if let Some(upgraded) = checked.upgraded {
                assert!(matches(&hasher, composed, &upgraded).await);
            }
        }
    }
}

proptest! {
    /// Nothing is hashed to parse, so what this costs is what a table of any texts costs.
    #[test]
    fn f18_a_stored_text_that_was_damaged_breaks_nothing(
        text in select(of_phrase().chain(SPRINGS_OWN).collect::<Vec<_>>()),
        at in any::<prop::sample::Index>(),
        length in 0_usize..4,
        other in "[0-9$,=./{}+]{0,12}|\\PC{0,3}",
    ) {
        let mut damaged: Vec<char> = text.chars().collect();
        let at = at.index(damaged.len());
        let end = (at + length).min(damaged.len());
        damaged.splice(at..end, other.chars());
        let damaged: String = damaged.into_iter().collect();
        prop_assert_eq!(Stored::parse(&damaged).is_ok(), make_of(&damaged).is_some());
    }
}
