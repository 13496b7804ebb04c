//! `list`: all runs, newest first.

use serde_json::Value;

use super::context::Context;
use super::failure::Failure;
use super::looking::{self, print, print_json, talk};
use crate::view::page::Page;
use crate::view::paint::Paint;
use crate::view::words::{count, stamp};
use crate::view::{RunView, json};

pub fn list(context: &Context) -> Result<(), Failure> {
    let store = context.looking();
    let runs = store.list()?;
    if runs.is_empty() && !context.json {
        talk(format_args!("there is no run in `{}`", context.state.display()));
    }
    // One view at a time: a journal may be large.
    let views = runs.iter().map(|id| looking::view_of(context, &store.run(id)));
    if context.json {
        let entries: Vec<Value> = views.map(|view| json::list_entry(&view)).collect();
        return print_json(&Value::Array(entries));
    }
    let paint = looking::paint(context);
    let mut text = Page::new();
    for view in views {
        line(&view, paint, &mut text);
    }
    print(text)
}

fn line(view: &RunView, paint: Paint, out: &mut Page) {
    let started = view.started_at().map(stamp).unwrap_or_default();
    let runbook = view.state.started().map_or("?", |it| it.runbook.as_str());
    let state = paint.run_status(view.status, 9);
    let mut remarks = vec![runbook.to_string()];
    remarks.extend(view.is_drill().then(|| "DRILL".into()));
    remarks.extend(view.is_abandoned().then(|| paint.alarm("NOBODY EXECUTES THIS RUN")));
    remarks.extend(view.remarks().iter().map(|remark| paint.alarm(remark)));
    let overdue = view.overdue().count();
    remarks.extend((overdue > 0).then(|| format!("{} overdue", count(overdue, "temporary thing"))));
    let standing = view.holds().into_iter().filter(|hold| hold.standing.stays());
    remarks.extend(
        standing
            .map(|hold| paint.alarm(&format!("HOLD {}: {}", hold.standing.word(), view.commands.release(&hold.name)))),
    );
    remarks.extend(view.troubles.iter().map(|trouble| trouble.message.clone()));
    out.line(format_args!("{:8}  {state}  {started:20}  {}", view.id.as_str(), remarks.join(", ")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing;

    fn listed(run: &testing::Golden) -> String {
        let mut out = Page::new();
        line(&run.view(), Paint::default(), &mut out);
        out.to_string()
    }

    #[test]
    fn a_line_says_where_a_run_stands_and_what_is_wrong() {
        let waiting = listed(&testing::waiting());
        assert_eq!(waiting, "7qk2      waiting    2026-11-24 10:00:00Z  restore-only, NOBODY EXECUTES THIS RUN\n");
        assert_eq!(listed(&testing::ok()), "7qk2      succeeded  2026-11-24 10:00:00Z  restore-only\n");
        let mut late = testing::ok();
        late.wait(100_000);
        assert!(listed(&late).contains("1 temporary thing overdue"), "{}", listed(&late));
        assert!(listed(&testing::damaged()).contains("is damaged at byte"));
    }

    #[test]
    fn the_json_of_a_run_has_the_fields_of_the_contract() {
        let entry = json::list_entry(&testing::ok().view());
        for field in ["run", "runbook", "severity", "mode", "state", "started_at", "ended_at"] {
            assert!(!entry[field].is_null(), "`{field}` is missing");
        }
    }
}
