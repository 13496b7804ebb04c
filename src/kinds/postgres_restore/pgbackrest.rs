//! Brings a backup back that pgBackRest keeps, by its own `restore`.

use std::process::Stdio;

use super::exec::{Cancel, follow, full};
use super::place::Place;
use super::prior::Prior;
use crate::model::Fault;
use crate::provider::postgres::backup::catalogue::failed;
use crate::provider::postgres::backup::source::Set;

impl Set {
    /// Brings the files back. `held` is the lock of the place: it stays locked while the child lives, also without us.
    pub fn restore(
        &self,
        prior: &Prior,
        place: &Place,
        held: std::fs::File,
        cancel: &Cancel,
        mut percent: impl FnMut(f64),
    ) -> Result<(), Fault> {
        let mut command = self.command(&prior.account);
        command
            .arg(format!("--set={}", self.label))
            .arg("--type=time")
            .arg(format!("--target={}", prior.as_of.strftime("%Y-%m-%d %H:%M:%S.%6f+00")))
            .args(["--target-action=promote", "--archive-mode=off", "--log-level-console=detail"])
            .arg(format!("--pg1-path={}", place.data.display()))
            .arg(format!("--lock-path={}", place.own.display()))
            // Never to the places they had: on the same machine the live ones lie there.
            .arg(format!("--tablespace-map-all={}", place.own.join("tablespaces").display()));
        if let Some(count) = self.process_max {
            command.arg(format!("--process-max={count}"));
        }
        command.arg("restore").stdin(Stdio::from(held));
        let said = follow(&mut command, cancel, |line| {
            if let Some(value) = progress(line) {
                percent(value);
            }
        })?;
        cancel.check()?;
        if said.ok {
            return Ok(());
        }
        if [&said.out, &said.err].iter().any(|text| text.contains("No space left on device")) {
            let mut fault = full(&place.data);
            fault.causes = said.complaint();
            return Err(fault);
        }
        Err(failed(&said, "cannot restore the backup"))
    }
}

/// `… restore file /x/base/1/1259 (88KB, 45.67%) checksum …`
fn progress(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once("restore file ")?;
    let (_, inner) = rest.rsplit_once('(').filter(|(_, inner)| inner.contains("%)"))?;
    inner.split(", ").nth(1)?.split('%').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_from_its_words() {
        assert_eq!(progress("P01 DETAIL: restore file /x (y)/base/1/1259 (88KB, 45.67%) checksum 0af"), Some(45.67));
        assert_eq!(progress("P00 INFO: restore size = 21.9MB, file total = 965"), None);
    }
}
