//! How fast output is masked on its way to a log: 20 secrets in all encodings, chunks as a pipe gives them.

use std::fmt::Write as _;
use std::time::Instant;

use anyhow::{Result, ensure};
use regrow::model::secret::Secret;
use regrow::provider::mask::Masker;

use crate::Bench;
use crate::support::{Figures, Spread, rounds};

const CHUNK: usize = 64 * 1024;
const TEXT: usize = 64 << 20;

pub fn measure(_: &Bench, figures: &mut Figures) -> Result<()> {
    let mut random = fastrand::Rng::with_seed(7);
    let mut word = |length: usize| -> String { (0..length).map(|_| random.alphanumeric()).collect() };
    let secrets: Vec<String> = (0..20).map(|at| word(16 + at)).collect();
    let masker = Masker::new(&secrets.iter().map(Secret::new).collect::<Vec<_>>());
    let mut text = String::with_capacity(TEXT + 200);
    let mut line = 0;
    while text.len() < TEXT {
        // One line in a thousand holds a secret.
        let said = if line % 1000 == 0 { secrets[line / 1000 % 20].clone() } else { word(24) };
        let _ =
            writeln!(text, "2026-11-24T08:15:00.{:06}Z INFO restore: object {said} copied, 4096 bytes", line % 999_983);
        line += 1;
    }
    let mut rates = Spread::default();
    for _ in 0..rounds(7) {
        let (mut stream, mut out) = (masker.stream(), Vec::new());
        let mut masked = 0;
        let began = Instant::now();
        for chunk in text.as_bytes().chunks(CHUNK) {
            out.clear();
            stream.push(chunk, &mut out);
            masked += out.len();
        }
        out.clear();
        stream.finish(&mut out);
        rates.add(text.len() as f64 / 1e6 / began.elapsed().as_secs_f64());
        ensure!(masked + out.len() < text.len(), "no secret was masked");
    }
    figures.row("masking, 20 secrets", ">= 200 MB/s".into(), &rates, rates.median() >= 200.0);
    Ok(())
}
