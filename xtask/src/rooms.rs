//! The architecture, enforced: which crate of the workspace may depend on which.
//!
//! The arrows hold for every kind of dependency, tests included: a store that needs `http` to be tested is not a store.
//! What may see everything is the composition (`daemun`) and the benchmarks.

use crate::step::{self, Outcome, Stop, cargo};

enum Sight {
    Everything,
    Only(&'static [&'static str]),
}
use Sight::{Everything, Only};

const ROOMS: &[(&str, Sight)] = &[
    ("daemun", Everything),
    ("daemun-bench", Everything),
    ("daemun-campus", Only(&["daemun-verify"])),
    ("daemun-contract", Only(&["daemun-engine"])),
    ("daemun-engine", Only(&["daemun-token"])),
    (
        "daemun-http",
        Only(&[
            "daemun-contract",
            "daemun-engine",
            "daemun-test-servers",
            "daemun-verify",
        ]),
    ),
    ("daemun-mail", Only(&["daemun-engine"])),
    ("daemun-migrate", Only(&["daemun-engine"])),
    (
        "daemun-store-postgres",
        Only(&["daemun-engine", "daemun-test-servers"]),
    ),
    (
        "daemun-store-redis",
        Only(&["daemun-engine", "daemun-test-servers"]),
    ),
    ("daemun-store-sqlite", Only(&["daemun-engine"])),
    ("daemun-test-servers", Only(&[])),
    ("daemun-token", Only(&[])),
    ("daemun-verify", Only(&["daemun-token"])),
    ("xtask", Only(&[])),
];

/// Compares the workspace as cargo resolves it with the table above.
pub fn check() -> Outcome {
    step::heading("architecture");
    let mut tree = cargo(&[
        "tree",
        "--workspace",
        "--locked",
        "--all-features",
        "--target",
        "all",
        "--no-dedupe",
    ]);
    tree.args([
        "--edges",
        "normal,build,dev",
        "--depth",
        "1",
        "--prefix",
        "depth",
        "--format",
        " {p}",
    ]);
    let faults = faults(&step::output("cargo tree", &mut tree)?);
    if faults.is_empty() {
        println!("every crate knows only what it may");
        return Ok(());
    }
    Err(Stop::new(
        format!("architecture\n  {}", faults.join("\n  ")),
        "the table of arrows is in xtask/src/rooms.rs",
    ))
}

/// Reads `cargo tree` with its depths: `0 name …` opens a crate of ours, `1 name …` is something it depends on.
fn faults(tree: &str) -> Vec<String> {
    let lines: Vec<(&str, &str)> = tree.lines().filter_map(depth_and_name).collect();
    let members: Vec<&str> = lines
        .iter()
        .filter(|(depth, _)| *depth == "0")
        .map(|(_, name)| *name)
        .collect();
    let mut faults = Vec::new();
    let mut current = "";
    for (depth, name) in lines {
        if depth == "0" {
            current = name;
            if sight(name).is_none() {
                faults.push(format!(
                    "{name} is not in the table: say there what it may know"
                ));
            }
        } else if members.contains(&name) && !may_know(current, name) {
            faults.push(format!("{current} must not depend on {name}"));
        }
    }
    faults
}

fn depth_and_name(line: &str) -> Option<(&str, &str)> {
    let mut words = line.split_whitespace();
    Some((words.next()?, words.next()?))
}

fn sight(name: &str) -> Option<&'static Sight> {
    ROOMS
        .iter()
        .find(|(room, _)| *room == name)
        .map(|(_, sight)| sight)
}

fn may_know(who: &str, whom: &str) -> bool {
    match sight(who) {
        Some(Only(known)) => who == whom || known.contains(&whom),
        Some(Everything) | None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::faults;

    #[test]
    fn arrows_that_are_drawn_pass() {
        let tree = "0 daemun-engine v0.1.0 (x)\n1 daemun-token v0.1.0 (x)\n1 serde v1.0.0\n\n0 daemun-token v0.1.0 (x)\n";
        assert_eq!(faults(tree), Vec::<String>::new());
    }

    #[test]
    fn an_arrow_against_the_drawing_is_named() {
        let tree = "0 daemun-store-sqlite v0.1.0\n1 daemun-http v0.1.0\n\n0 daemun-http v0.1.0\n1 daemun-store-sqlite v0.1.0";
        let expected = [
            "daemun-store-sqlite must not depend on daemun-http",
            "daemun-http must not depend on daemun-store-sqlite",
        ];
        assert_eq!(faults(tree), expected);
    }

    #[test]
    fn a_crate_without_a_place_is_a_fault() {
        assert_eq!(
            faults("0 daemun-attic v0.1.0"),
            ["daemun-attic is not in the table: say there what it may know"]
        );
    }
}
