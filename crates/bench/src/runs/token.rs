//! The token layer has a benchmark of its own, an example of its crate; this starts it and holds its ratios against
//! their goals.

use std::process::{Command, Stdio};

use crate::Result;
use crate::findings::Findings;

/// What the layer may cost, as a multiple of the bare primitive.
const GOALS: [(&str, f64); 4] = [
    ("HS256 verify", 1.5),
    ("HS256 sign", 1.5),
    ("EdDSA verify", 1.1),
    ("EdDSA sign", 1.1),
];

pub fn run(findings: &mut Findings) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--quiet", "--release", "--locked"]);
    command.args(["--package", "daemun-token", "--example", "token_speed"]);
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the token benchmark ended with {}", output.status).into());
    }
    let table = String::from_utf8(output.stdout)?;
    println!("{table}");
    for (name, goal) in GOALS {
        let line = table
            .lines()
            .find_map(|line| line.trim().strip_prefix(name));
        let ratio = line.and_then(|line| line.split_whitespace().next_back());
        let ratio = ratio.ok_or_else(|| format!("the token benchmark does not tell of {name}"))?;
        findings.at_most(&format!("token: {name}"), ratio.parse()?, goal, "x");
    }
    Ok(())
}
