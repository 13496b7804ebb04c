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

/// Prints everything; what it returns is wrong.
#[must_use = "with problems the demo has failed"]
pub fn all(loss: &Loss, rescue: &Rescue, memory: &Memory, verdict: &Verdict) -> Vec<String> {
    let before = loss.truth.count(Table::Enrolments);
    let lost = usize::try_from(loss.deleted).unwrap_or(usize::MAX);
    let present = verdict.back.get(&Table::Enrolments).copied().unwrap_or(0);
    let back = (present + lost).saturating_sub(before);
    let killed = rescue.killed;
    println!(
        "killed         after {:.1} s, with {} of {} rows in the scratch table",
        killed.after.as_secs_f32(),
        number(killed.rows),
        number(killed.of)
    );
    println!("enrolments     {} before, {} lost, {} back", number(before), number(lost), number(back));
    println!("checksum       {} as of {}", loss.truth.checksum(Table::Enrolments), loss.truth.as_of);
    for table in Table::ALL {
        let rows = verdict.later.get(&table).copied().unwrap_or_default();
        let writes = memory.later_count.get(&table).copied().unwrap_or(0);
        println!(
            "later writes   {:<12} {} of {} rows survived ({} writes)",
            table.name(),
            number(rows.survived),
            number(rows.total),
            number(writes)
        );
    }
    println!("new enrolments {} after the loss", number(memory.inserted_enrolments));
    println!("recovered in   {:.1} s, the kill included", rescue.took.as_secs_f32());
    println!("report         {}", rescue.report.display());

    let problems = problems(loss, rescue, memory, verdict, back);
    problems.iter().for_each(|problem| println!("NOT AS IT MUST BE: {problem}"));
    if problems.is_empty() {
        println!("\nEverything is as it must be.");
    }
    problems
}

fn problems(loss: &Loss, rescue: &Rescue, memory: &Memory, verdict: &Verdict, back: usize) -> Vec<String> {
    let mut problems = verdict.problems.clone();
    let mut must = |is_so: bool, otherwise: &str| {
        if !is_so {
            problems.push(otherwise.to_string());
        }
    };
    must(back as u64 == loss.deleted, "not every lost enrolment is back");
    must(rescue.killed.rows > 0 && rescue.killed.rows < rescue.killed.of, "the kill did not meet the load half way");
    let counts = rescue.approvals.iter().find_map(|approval| approval.counts);
    must(counts.is_some(), "no approval was given on the three counts");
    must(
        counts.is_none_or(|counts| u64::try_from(counts.only_in_copy) == Ok(loss.deleted)),
        "the count of rows only in the copy, which the approval was given on, is not what was lost",
    );
    must(memory.inserted_enrolments > 0, "nobody enrolled after the loss");
    must(rescue.report.is_file(), "there is no report");
    problems
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
