//! Colours, where there are any. Everything reads the same without.

use console::Style;

use crate::model::{RunStatus, Status};

/// All that is ever sent of them; the first ends the others.
pub const COLOURS: [&str; 7] = ["\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m"];

#[derive(Clone, Copy, Debug, Default)]
pub struct Paint {
    pub colour: bool,
}

impl Paint {
    fn with(self, style: Style, text: &str) -> String {
        let text = super::clean::word(text);
        if self.colour { style.force_styling(true).apply_to(text).to_string() } else { text }
    }

    pub fn bold(self, text: &str) -> String {
        self.with(Style::new().bold(), text)
    }

    pub fn faint(self, text: &str) -> String {
        self.with(Style::new().dim(), text)
    }

    pub fn alarm(self, text: &str) -> String {
        self.with(Style::new().red().bold(), text)
    }

    /// A step's status, `width` wide.
    pub fn status(self, status: Status, width: usize) -> String {
        let style = match status {
            Status::Succeeded => Style::new().green(),
            Status::Failed | Status::Unproven | Status::Unknown => Style::new().red().bold(),
            Status::Waiting | Status::Late => Style::new().yellow().bold(),
            Status::Running | Status::Verifying | Status::Undoing => Style::new().cyan(),
            Status::Pending
            | Status::Queued
            | Status::Skipped
            | Status::Blocked
            | Status::Undone
            | Status::Superseded => Style::new().dim(),
        };
        self.with(style, &format!("{:width$}", status.word()))
    }

    pub fn run_status(self, status: RunStatus, width: usize) -> String {
        let style = match status {
            RunStatus::Succeeded => Style::new().green().bold(),
            RunStatus::Failed | RunStatus::Paused => Style::new().red().bold(),
            RunStatus::Waiting => Style::new().yellow().bold(),
            RunStatus::Running | RunStatus::Ending => Style::new().cyan().bold(),
            RunStatus::Aborted | RunStatus::Undone => Style::new().bold(),
        };
        self.with(style, &format!("{:width$}", status.word()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_colours_are_known_to_who_lets_them_through() {
        let paint = Paint { colour: true };
        let steps = [Status::Succeeded, Status::Failed, Status::Waiting, Status::Running, Status::Pending];
        let runs =
            [RunStatus::Succeeded, RunStatus::Failed, RunStatus::Waiting, RunStatus::Running, RunStatus::Aborted];
        let painted = steps.map(|status| paint.status(status, 0)).into_iter();
        let painted = painted.chain(runs.map(|status| paint.run_status(status, 0)));
        for text in painted.chain([paint.bold("x"), paint.faint("x"), paint.alarm("x")]) {
            assert_eq!(crate::view::clean::line(&text), text);
        }
    }
}
