//! The end of the demo, for a person: one fact a line, and what is not as it must be.

use std::fmt::Display;

use super::damage::Loss;
use super::platform::Table;
use super::rescue::Rescue;
use super::truth::Verdict;
use super::writer::Memory;

pub fn step(text: &str) {
    println!("\n== {text}");
}

/// Collects what is wrong while it prints what is so.
#[derive(Default)]
#[must_use = "with problems the demo has failed"]
pub struct Ending {
    problems: Vec<String>,
}

impl Ending {
    pub fn say(&mut self, label: &str, text: impl Display) {
        println!("{label:<14} {text}");
    }

    pub fn must(&mut self, is_so: bool, otherwise: &str) {
        if !is_so {
            self.problems.push(otherwise.to_string());
        }
    }

    /// Time, report, and what is wrong.
    pub fn close(mut self, rescue: &Rescue) -> Vec<String> {
        let with = if rescue.killed.is_some() { ", the kill included" } else { "" };
        self.say("took", format!("{:.1} s{with}", rescue.took.as_secs_f32()));
        self.say("report", rescue.report.display());
        self.must(rescue.report.is_file(), "there is no report");
        self.problems.iter().for_each(|problem| println!("NOT AS IT MUST BE: {problem}"));
        if self.problems.is_empty() {
            println!("\nEverything is as it must be.");
        }
        self.problems
    }

    /// The kill, if there was one, met the load half way.
    pub fn killed(&mut self, rescue: &Rescue) {
        let Some(killed) = rescue.killed else { return };
        let (rows, of) = (number(killed.rows), number(killed.of));
        self.say(
            "killed",
            format!("after {:.1} s, with {rows} of {of} rows in the scratch table", killed.after.as_secs_f32()),
        );
        self.must(killed.rows > 0 && killed.rows < killed.of, "the kill did not meet the load half way");
    }

    /// The table that was lost is back, and nobody's later work is.
    pub fn table(&mut self, loss: &Loss, rescue: &Rescue, memory: &Memory, verdict: &Verdict) {
        let before = loss.truth.count(Table::Enrolments);
        let lost = usize::try_from(loss.deleted).unwrap_or(usize::MAX);
        let present = verdict.back.get(&Table::Enrolments).copied().unwrap_or(0);
        let back = (present + lost).saturating_sub(before);
        self.say("enrolments", format!("{} before, {} lost, {} back", number(before), number(lost), number(back)));
        self.say("checksum", format!("{} as of {}", loss.truth.checksum(Table::Enrolments), loss.truth.as_of));
        for table in Table::ALL {
            let rows = verdict.later.get(&table).copied().unwrap_or_default();
            let writes = number(memory.later_count.get(&table).copied().unwrap_or(0));
            let (name, survived, total) = (table.name(), number(rows.survived), number(rows.total));
            self.say("later writes", format!("{name:<12} {survived} of {total} rows survived ({writes} writes)"));
        }
        self.say("new enrolments", format!("{} after the loss", number(memory.inserted_enrolments)));
        self.problems.extend(verdict.problems.iter().cloned());
        self.must(back as u64 == loss.deleted, "not every lost enrolment is back");
        let counts = rescue.approvals.iter().find_map(|approval| approval.counts);
        self.must(counts.is_some(), "no approval was given on the three counts");
        self.must(
            counts.is_none_or(|counts| u64::try_from(counts.only_in_copy) == Ok(loss.deleted)),
            "the count of rows only in the copy, which the approval was given on, is not what was lost",
        );
        self.must(memory.inserted_enrolments > 0, "nobody enrolled after the loss");
    }

    pub fn wrong(&mut self, problems: &[String]) {
        self.problems.extend(problems.iter().cloned());
    }
}

/// With a comma at every thousand.
pub fn number(value: impl Display) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn numbers_have_commas() {
        for (value, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(super::number(value), text);
        }
    }
}
