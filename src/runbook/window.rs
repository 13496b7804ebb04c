//! `window`: the hours in which a step may start, as a clock on the wall somewhere shows them.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;

/// Opens on each of its days and is open until it closes, also past midnight.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    pub from: Time,
    /// Before `from`: on the day after. `None`: at midnight.
    pub to: Option<Time>,
    /// On which it opens; empty: every day.
    pub days: Vec<Weekday>,
    pub zone: TimeZone,
}

pub const DAYS: &[(&str, Weekday)] = &[
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

/// Longer than any pause between two openings of a window that has a day in the week, a day without that hour included.
const AHEAD: i64 = 15;

/// When the next of them opens; `None` while one is open. Nothing but the moment decides: a process that begins to wait anew
/// waits for the same.
pub fn opens(windows: &[Window], now: Timestamp) -> Option<Timestamp> {
    let mut next: Option<Timestamp> = None;
    for window in windows {
        for (open, close) in window.around(now) {
            if open <= now && now < close {
                return None;
            }
            if open > now {
                next = Some(next.map_or(open, |sooner| sooner.min(open)));
            }
        }
    }
    next
}

/// `mon tue 22:00 to 05:00 Europe/Berlin`, or several joined by `or`.
pub fn words(windows: &[Window]) -> String {
    windows.iter().map(Window::words).collect::<Vec<_>>().join(" or ")
}

impl Window {
    /// Each opening near `now`, with when it closes.
    fn around(&self, now: Timestamp) -> impl Iterator<Item = (Timestamp, Timestamp)> + '_ {
        let today = now.to_zoned(self.zone.clone()).date();
        // One that opened yesterday may still be open.
        let days = (-1..=AHEAD).filter_map(move |away| today.checked_add(jiff::Span::new().days(away)).ok());
        let opens = days.filter(|day| self.days.is_empty() || self.days.contains(&day.weekday()));
        // A clock that is set forward may leave nothing of it.
        opens.filter_map(|day| self.on(day)).filter(|(open, close)| open < close)
    }

    fn on(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        let at = |day: Date, time: Time| Some(day.to_datetime(time).to_zoned(self.zone.clone()).ok()?.timestamp());
        let close = match self.to {
            Some(to) if to > self.from => at(day, to)?,
            Some(to) => at(day.tomorrow().ok()?, to)?,
            None => at(day.tomorrow().ok()?, Time::midnight())?,
        };
        Some((at(day, self.from)?, close))
    }

    fn words(&self) -> String {
        let word = |day: &Weekday| DAYS.iter().find(|(_, one)| one == day).map_or("", |(word, _)| *word);
        let days: String = self.days.iter().map(|day| format!("{} ", word(day))).collect();
        let to = self.to.map_or_else(|| "24:00".to_string(), |to| to.strftime("%H:%M").to_string());
        let zone = self.zone.iana_name().unwrap_or("UTC");
        format!("{days}{} to {to} {zone}", self.from.strftime("%H:%M"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(days: &[Weekday], from: &str, to: &str, zone: &str) -> Window {
        let to = (to != "24:00").then(|| to.parse().unwrap());
        Window { from: from.parse().unwrap(), to, days: days.to_vec(), zone: TimeZone::get(zone).unwrap() }
    }

    #[track_caller]
    fn at(windows: &[Window], now: &str, wanted: &str) {
        let found = opens(windows, now.parse().unwrap());
        assert_eq!(found.map_or("open".to_string(), |at| at.to_string()), wanted, "at {now}");
    }

    #[test]
    fn it_is_open_past_midnight_and_by_the_clock_of_its_zone() {
        let night = [window(&[], "22:00:00", "05:00:00", "Europe/Berlin")];
        at(&night, "2026-11-27T20:59:59Z", "2026-11-27T21:00:00Z");
        at(&night, "2026-11-27T21:00:00Z", "open");
        at(&night, "2026-11-28T03:59:59Z", "open");
        at(&night, "2026-11-28T04:00:00Z", "2026-11-28T21:00:00Z");
        // In summer an hour earlier.
        at(&night, "2026-07-01T12:00:00Z", "2026-07-01T20:00:00Z");
    }

    #[test]
    fn its_days_are_those_on_which_it_opens() {
        let friday = [window(&[Weekday::Friday], "22:00:00", "02:00:00", "UTC")];
        at(&friday, "2026-11-27T23:00:00Z", "open");
        at(&friday, "2026-11-28T01:59:00Z", "open");
        at(&friday, "2026-11-28T23:00:00Z", "2026-12-04T22:00:00Z");
        let weekend = window(&[Weekday::Saturday, Weekday::Sunday], "00:00:00", "24:00", "UTC");
        at(&[friday[0].clone(), weekend.clone()], "2026-11-29T23:59:59Z", "open");
        at(&[friday[0].clone(), weekend], "2026-11-30T00:00:00Z", "2026-12-04T22:00:00Z");
    }

    #[test]
    fn a_clock_that_is_set_neither_loses_nor_doubles_an_opening() {
        // On 2026-03-29 the clock goes from 02:00 to 03:00, on 2026-10-25 from 03:00 back to 02:00.
        let lost = [window(&[], "02:00:00", "03:00:00", "Europe/Berlin")];
        at(&lost, "2026-03-29T00:30:00Z", "2026-03-30T00:00:00Z");
        let around = [window(&[], "01:00:00", "03:30:00", "Europe/Berlin")];
        at(&around, "2026-03-29T01:29:00Z", "open");
        at(&around, "2026-03-29T01:30:00Z", "2026-03-29T23:00:00Z");
        at(&around, "2026-10-25T02:29:00Z", "open");
        at(&around, "2026-10-25T02:30:00Z", "2026-10-26T00:00:00Z");
    }

    #[test]
    fn it_is_told_as_it_is_written() {
        let two = [
            window(&[Weekday::Friday], "22:00:00", "24:00", "Asia/Kolkata"),
            window(&[], "01:00:00", "02:30:00", "UTC"),
        ];
        assert_eq!(words(&two), "fri 22:00 to 24:00 Asia/Kolkata or 01:00 to 02:30 UTC");
    }
}
