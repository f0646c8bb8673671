//! Whether 32 bytes are a point of Ed25519 worth having as a public key.
//!
//! The library takes any 32 bytes and only ever fails later. Two sorts must not get that far: bytes that are no point
//! (a mistyped key should fail when it is loaded, not on every token) and the eight points of small order, under
//! which signatures can be made for any message without a secret. Everything here is public, so nothing has to
//! be constant in time.

/// A number modulo p = 2^255 - 19, in five limbs of 51 bits, the lowest first.
type Field = [u64; 5];

const LOW_51: u64 = (1 << 51) - 1;
/// The curve's d = -121665/121666 (RFC 8032 §5.1).
const D: Field = [
    929_955_233_495_203,
    466_365_720_129_213,
    1_662_059_464_998_953,
    2_033_849_074_728_123,
    1_442_794_654_840_575,
];
/// The low bytes of (p - 1) / 2 = 2^254 - 10, which is otherwise all ones.
const HALF_LOW_BITS: u64 = 0xf6;

/// The y coordinates of the points of order 1, 2, 4 and 8 that are below p.
const SMALL_ORDER: [[u8; 32]; 5] = [
    [0; 32],
    {
        let mut one = [0; 32];
        one[0] = 1;
        one
    },
    {
        let mut minus_one = [0xff; 32];
        minus_one[0] = 0xec;
        minus_one[31] = 0x7f;
        minus_one
    },
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
];

pub(crate) fn is_sound_point(encoded: &[u8; 32]) -> bool {
    let mut y = *encoded;
    if let Some(last) = y.last_mut() {
        *last &= 0x7f;
    }
    !SMALL_ORDER.contains(&y) && is_below_p(&y) && is_on_curve(&y)
}

/// p is `ed ff … ff 7f`; what is not below it is a second spelling of another number.
fn is_below_p(y: &[u8; 32]) -> bool {
    let [first, middle @ .., last] = y;
    *last != 0x7f || middle.iter().any(|&byte| byte != 0xff) || *first < 0xed
}

/// -x² + y² = 1 + d·x²·y² has an x exactly if (y² - 1)·(d·y² + 1) is a square (or zero).
fn is_on_curve(y: &[u8; 32]) -> bool {
    let y = limbs(y);
    let y2 = multiply(&y, &y);
    let numerator = subtract_one(&y2);
    let mut denominator = multiply(&D, &y2);
    denominator[0] += 1;
    let product = multiply(&numerator, &denominator);
    canonical(&euler(&product)) != canonical(&[LOW_51 - 19, LOW_51, LOW_51, LOW_51, LOW_51])
}

/// Euler's criterion: a^((p-1)/2) is 1 for squares, 0 for zero, -1 for the rest.
fn euler(a: &Field) -> Field {
    let mut power: Field = [1, 0, 0, 0, 0];
    for bit in (0..254).rev() {
        power = multiply(&power, &power);
        if bit >= 8 || HALF_LOW_BITS >> bit & 1 == 1 {
            power = multiply(&power, a);
        }
    }
    power
}

fn limbs(bytes: &[u8; 32]) -> Field {
    let mut limbs = [0; 5];
    for (position, &byte) in bytes.iter().enumerate() {
        for bit in 0..8 {
            let at = position * 8 + bit;
            if let (Some(limb), true) = (limbs.get_mut(at / 51), byte >> bit & 1 == 1) {
                *limb |= 1 << (at % 51);
            }
        }
    }
    limbs
}

fn subtract_one(a: &Field) -> Field {
    // Adding p first keeps the lowest limb from going below zero.
    let [a0, a1, a2, a3, a4] = *a;
    carry(
        [
            a0 + LOW_51 - 19,
            a1 + LOW_51,
            a2 + LOW_51,
            a3 + LOW_51,
            a4 + LOW_51,
        ]
        .map(u128::from),
    )
}

fn multiply(a: &Field, b: &Field) -> Field {
    let [a0, a1, a2, a3, a4] = a.map(u128::from);
    let [b0, b1, b2, b3, b4] = b.map(u128::from);
    // 2^255 = 19: what leaves at the top comes back at the bottom nineteenfold.
    carry([
        a0 * b0 + 19 * (a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1),
        a0 * b1 + a1 * b0 + 19 * (a2 * b4 + a3 * b3 + a4 * b2),
        a0 * b2 + a1 * b1 + a2 * b0 + 19 * (a3 * b4 + a4 * b3),
        a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0 + 19 * (a4 * b4),
        a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0,
    ])
}

/// Brings every limb back to 51 bits and a little.
fn carry(mut wide: [u128; 5]) -> Field {
    for _ in 0..2 {
        let mut over = 0;
        for limb in &mut wide {
            *limb += over;
            over = *limb >> 51;
            *limb &= u128::from(LOW_51);
        }
        wide[0] += over * 19;
    }
    wide.map(|limb| limb as u64)
}

/// The one spelling below p.
fn canonical(a: &Field) -> Field {
    let mut a = carry(a.map(u128::from));
    if a[1..].iter().all(|&limb| limb == LOW_51) && a[0] >= LOW_51 - 18 {
        a = [a[0] - (LOW_51 - 18), 0, 0, 0, 0];
    }
    a
}
