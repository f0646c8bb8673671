//! Whether the numbers of an RSA public key are fit for use. The library checks little of that.

use crate::jwk::Refusal;

/// The shortest RSA modulus, in bits (RFC 7518 §3.3).
const MIN_BITS: usize = 2048;
/// The longest, in bits: what the library checks, and short enough for no check to take long.
const MAX_BITS: usize = 8192;

/// The primes to whose remainders the broken generator left its mark.
const MARKED: [u16; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];

/// Long enough, without leading zeros (RFC 7518 §6.3.1.1), and odd as a product of two odd primes is.
pub(crate) fn sound_modulus(n: &[u8]) -> Result<(), Refusal> {
    let (Some(first), Some(last)) = (n.first(), n.last()) else {
        return Err(Refusal::Member("n"));
    };
    let bits = (n.len() * 8).saturating_sub(first.leading_zeros() as usize);
    if *first == 0 || last % 2 == 0 {
        return Err(Refusal::Member("n"));
    }
    if !(MIN_BITS..=MAX_BITS).contains(&bits) {
        return Err(Refusal::ModulusSize);
    }
    if is_from_broken_generator(n) {
        Err(Refusal::BrokenGenerator)
    } else {
        Ok(())
    }
}

/// Odd, at least 3, at most 33 bits as the library has it. With e = 1 every message is its own signature.
pub(crate) fn sound_exponent(e: &[u8]) -> Result<(), Refusal> {
    if e.first().is_none_or(|&first| first == 0) || e.len() > 5 {
        return Err(Refusal::Exponent);
    }
    let value = e
        .iter()
        .fold(0_u64, |value, &byte| value << 8 | u64::from(byte));
    if value >= 3 && value % 2 == 1 && value < 1 << 33 {
        Ok(())
    } else {
        Err(Refusal::Exponent)
    }
}

/// The generator of CVE-2017-15361 ("ROCA") made primes that are powers of 65537 modulo many small primes, and so is
/// their product. A modulus from elsewhere passes for one of them with a chance of about 2^-27.
fn is_from_broken_generator(n: &[u8]) -> bool {
    MARKED
        .into_iter()
        .all(|prime| is_power_of_65537(remainder(n, prime), prime))
}

fn remainder(n: &[u8], prime: u16) -> u16 {
    n.iter()
        .fold(0, |rest, &byte| (rest << 8 | u16::from(byte)) % prime)
}

fn is_power_of_65537(value: u16, prime: u16) -> bool {
    let generator = (65537 % u32::from(prime)) as u16;
    let mut power = 1;
    loop {
        if power == value {
            return true;
        }
        power = (u32::from(power) * u32::from(generator) % u32::from(prime)) as u16;
        if power == 1 {
            return false;
        }
    }
}
