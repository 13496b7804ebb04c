//! What is offered in the terminal when a run cannot go on by itself: the same answers that another terminal could give, for
//! all that is open at once, the most urgent first. If the run moves on meanwhile, the offer is made anew.

use std::path::PathBuf;

use jiff::Timestamp;

use super::answer::answer_id;
use super::context::Context;
use super::keyboard::{Keyboard, Typed};
use super::looking::{self, talk, tell};
use super::{Failure, status};
use crate::engine::Halt;
use crate::engine::world::pending;
use crate::journal::lease;
use crate::journal::store::RunDir;
use crate::model::record::AskKind;
use crate::model::step::StepState;
use crate::model::text::is_blank;
use crate::model::{Address, Answer, Person, Status, Verb};
use crate::view::page::Page;
use crate::view::paint::Paint;
use crate::view::read::segments;
use crate::view::summary::Todo;
use crate::view::{RunView, commands, words};

/// So many open matters are offered together.
const MOST: usize = 5;

/// How to go on.
pub enum Choice {
    Answer(Box<Answer>),
    /// Keep executing and wait for somebody else's answer.
    Wait,
    /// Take up what others have recorded meanwhile.
    GoOn,
    /// Somebody else executes it.
    Follow,
    Leave,
}

/// Offers what can be done about all that is in the way.
pub fn offer(context: &Context, dir: &RunDir, halt: Halt, who: &Person) -> Result<Choice, Failure> {
    if !matches!(halt, Halt::Waiting | Halt::Unknown | Halt::Paused) {
        return Ok(Choice::Leave);
    }
    let keyboard = Keyboard::open()?;
    let mut is_first = true;
    loop {
        let stand = Stand::of(dir);
        if stand.executed {
            return Ok(Choice::Follow);
        }
        let view = looking::view_of(context, dir);
        let menu = Menu::of(&view, halt);
        let was_first = std::mem::take(&mut is_first);
        if menu.ways.is_empty() {
            // Others have dealt with it, or ended the run.
            return Ok(if was_first { Choice::Leave } else { Choice::Follow });
        }
        if !was_first {
            let paint = Paint { colour: context.color };
            tell(format_args!("\n{}", status::text(&view, paint, context.verbose)));
        }
        tell(menu.page(&view));
        let is_stale = || Stand::of(dir) != stand;
        let chosen = match keyboard.line(is_stale)? {
            Typed::Line(line) => menu.chosen(&line),
            Typed::Stale => None,
            Typed::Left => return Ok(Choice::Leave),
        };
        let Some(way) = chosen else {
            talk(if is_stale() { "\nthe run has moved on meanwhile" } else { "type one of the numbers" }.trim());
            continue;
        };
        if let Some(choice) = way.take(&keyboard, is_stale, who)? {
            return Ok(choice);
        }
    }
}

/// What tells that a run has moved on, or is about to. Cheap: it is looked at four times a second.
#[derive(PartialEq, Eq)]
struct Stand {
    executed: bool,
    newest: Option<(String, u64)>,
    recorded: Vec<PathBuf>,
}

impl Stand {
    fn of(dir: &RunDir) -> Self {
        let size = |name: &String| std::fs::metadata(dir.path.join(name)).map_or(0, |meta| meta.len());
        Self {
            executed: lease::is_held(&dir.path),
            newest: segments(&dir.path).pop().map(|name| (name.clone(), size(&name))),
            recorded: pending(&dir.inbox()).into_iter().map(|(path, _)| path).collect(),
        }
    }
}

/// What typing a number does.
#[derive(Clone, Debug, PartialEq)]
enum Act {
    Say(Verb),
    SayWhy(Verb),
    Wait,
    GoOn,
    Leave,
}

#[derive(Clone, Debug)]
struct Way {
    /// What it is about; all that is open where there is none.
    step: Option<Address>,
    means: &'static str,
    act: Act,
}

struct Menu<'a> {
    todos: Vec<Todo<'a>>,
    hidden: usize,
    ways: Vec<Way>,
}

impl<'a> Menu<'a> {
    fn of(view: &'a RunView, halt: Halt) -> Self {
        let mut todos = view.todos();
        let failed = |todo: &&Todo<'_>| matches!(todo.step.status, Status::Failed | Status::Unproven);
        let failures = todos.iter().filter(failed).count();
        let hidden = todos.len().saturating_sub(MOST);
        todos.truncate(MOST);
        let mut ways: Vec<Way> = Vec::new();
        if todos.is_empty() && view.recorded.is_empty() {
            return Self { todos, hidden, ways };
        }
        let mut add = |step: Option<&Address>, means, act| ways.push(Way { step: step.cloned(), means, act });
        // Where something is recorded already, more would be refused.
        for todo in todos.iter().filter(|todo| view.recorded_of(todo.step).is_empty()) {
            let step = &todo.step.address;
            answers(step, view.state_of(todo.step), todo.step.status).into_iter().for_each(|(means, act)| {
                // What would be refused for want of outputs is not offered; the command for it stands above.
                let as_it_is = |verb: &str| todo.ways.iter().any(|way| way.verb == verb && !way.wants_outputs);
                match &act {
                    Act::SayWhy(verb @ (Verb::Skip { .. } | Verb::Done { .. })) if !as_it_is(verb.word()) => {}
                    _ => add(Some(step), means, act),
                }
            });
        }
        if failures > 1 {
            add(None, "try all that failed again", Act::Say(Verb::Retry { step: None }));
        }
        if !view.recorded.is_empty() {
            add(None, "go on with what is recorded", Act::GoOn);
        }
        if halt != Halt::Paused {
            add(None, "wait: somebody else answers", Act::Wait);
        }
        let held = view.holds().into_iter().filter(|hold| hold.standing.is_out());
        let release: Vec<String> = held.map(|hold| hold.name).collect();
        if !release.is_empty() {
            add(None, "abort the run and release what is held", Act::SayWhy(Verb::Abort { release }));
        }
        add(None, "abort the run", Act::SayWhy(Verb::Abort { release: Vec::new() }));
        add(None, "leave it as it is; `regrow resume` goes on later", Act::Leave);
        Self { todos, hidden, ways }
    }

    fn page(&self, view: &RunView) -> Page {
        let mut page = Page::new();
        let count = self.todos.len() + self.hidden;
        page.gap();
        let needs = if count == 1 { "needs" } else { "need" };
        page.line(format_args!("{} {needs} somebody", words::count(count, "step")));
        for todo in &self.todos {
            page.line(format_args!("`{}` {}", todo.step.address, status::question(view, todo.step)));
            view.recorded_of(todo.step).iter().for_each(|line| page.item(line));
            self.list(Some(&todo.step.address), &mut page);
        }
        if self.hidden > 0 {
            page.line(format_args!("and {} more: `regrow status {}`", self.hidden, view.id));
        }
        self.list(None, &mut page);
        let enter = if self.ways.iter().any(|way| way.act == Act::Wait) { "waits" } else { "leaves" };
        page.line(format_args!("type a number (Enter alone {enter}):"));
        page
    }

    fn list(&self, step: Option<&Address>, page: &mut Page) {
        for (index, way) in self.ways.iter().enumerate().filter(|(_, way)| way.step.as_ref() == step) {
            page.line(format_args!("{:>4}  {}", index + 1, way.means));
        }
    }

    /// Enter alone must not do anything.
    fn chosen(&self, line: &str) -> Option<Way> {
        if line.is_empty() {
            let waits = self.ways.iter().find(|way| way.act == Act::Wait);
            return waits.or(self.ways.last()).cloned();
        }
        let number: usize = line.parse().ok()?;
        self.ways.get(number.checked_sub(1)?).cloned()
    }
}

impl Way {
    fn take(self, keyboard: &Keyboard, is_stale: impl Fn() -> bool, who: &Person) -> Result<Option<Choice>, Failure> {
        let (verb, because) = match self.act {
            Act::Wait => return Ok(Some(Choice::Wait)),
            Act::GoOn => return Ok(Some(Choice::GoOn)),
            Act::Leave => return Ok(Some(Choice::Leave)),
            Act::Say(verb) => (verb, None),
            Act::SayWhy(verb) => {
                talk(format_args!("why `{}`? (kept in the journal; Enter alone goes back)", verb.word()));
                match keyboard.line(&is_stale)? {
                    Typed::Line(why) if !is_blank(&why) => (verb, Some(why)),
                    Typed::Line(_) => return Ok(None),
                    Typed::Stale => (verb, None),
                    Typed::Left => return Ok(Some(Choice::Leave)),
                }
            }
        };
        // Said about something that is not so any more.
        if is_stale() {
            talk("the run has moved on meanwhile; nothing was said");
            return Ok(None);
        }
        let answer = Answer { id: answer_id(), at: Timestamp::now(), who: who.clone(), because, verb };
        Ok(Some(Choice::Answer(Box::new(answer))))
    }
}

/// What can be said to a step that is in the way.
fn answers(step: &Address, state: &StepState, status: Status) -> Vec<(&'static str, Act)> {
    let at = || step.clone();
    let done = || Act::SayWhy(Verb::Done { step: at(), outputs: serde_json::Map::new(), unverified: false });
    let retry = || Verb::Retry { step: Some(at()) };
    let skip = || ("go on without it", Act::SayWhy(Verb::Skip { step: at() }));
    match (status, &state.ask) {
        (Status::Waiting, Some(asked)) if asked.ask.what == AskKind::Approval => {
            let code = asked.ask.code.clone();
            vec![
                ("approve what is shown above", Act::Say(Verb::Approve { step: at(), code })),
                ("reject it; the step fails", Act::SayWhy(Verb::Reject { step: at() })),
            ]
        }
        (Status::Waiting, _) => vec![("it is done", done())],
        (Status::Unknown, _) => {
            vec![("it happened: go on from there", done()), ("it did not happen: do it again", Act::SayWhy(retry()))]
        }
        (Status::Unproven, _) => vec![("prove it again", Act::Say(retry()))],
        (Status::Failed, _) if state.undo.is_some() => {
            vec![("take it back again", Act::SayWhy(Verb::Undo { step: Some(at()) })), ("leave it as it is", done())]
        }
        (Status::Failed, _) => {
            let again = match commands::wants_anew(state) {
                true => ("do it again as another one", Act::SayWhy(Verb::Rerun { step: at() })),
                false => ("try it again", Act::Say(retry())),
            };
            vec![again, ("it was done by hand", done()), skip()]
        }
        (Status::Undone, _) => vec![("do it again", Act::Say(retry())), skip()],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::Event;
    use crate::view::testing;

    #[test]
    fn enter_alone_never_acts_on_anything_and_a_number_means_what_stands_beside_it() {
        for (run, halt) in [
            (testing::waiting(), Halt::Waiting),
            (testing::unknown(), Halt::Unknown),
            (testing::failed(), Halt::Paused),
        ] {
            let view = run.view();
            let menu = Menu::of(&view, halt);
            assert!(matches!(menu.chosen("").unwrap().act, Act::Wait | Act::Leave));
            assert!(menu.chosen("0").is_none() && menu.chosen("99").is_none() && menu.chosen("x").is_none());
            let page = menu.page(&view).to_string();
            for (index, way) in menu.ways.iter().enumerate() {
                assert_eq!(menu.chosen(&(index + 1).to_string()).unwrap().act, way.act);
                assert!(page.contains(&format!("{:>4}  {}\n", index + 1, way.means)), "{page}");
            }
        }
    }

    #[test]
    fn what_another_attempt_would_only_find_again_is_offered_as_another_one() {
        let mut run = testing::Golden::new(testing::outline(&[("a", "run", "a", &[])]));
        let fault = testing::fault().retry(crate::model::RetryClass::Anew);
        run.starts("a").add(Event::StepFailed { step: Address::top("a"), fault });
        let view = run.view();
        let menu = Menu::of(&view, Halt::Paused);
        assert_eq!(menu.chosen("1").unwrap().act, Act::SayWhy(Verb::Rerun { step: Address::top("a") }));
        let first = &menu.todos[0].ways[0];
        assert_eq!((first.verb, first.command.as_str()), ("rerun", "regrow rerun a --because TEXT --run 7qk2"));
        assert!(menu.todos[0].ways.iter().all(|way| way.verb != "retry"));
    }

    #[test]
    fn all_that_is_open_is_offered_together_and_counted() {
        let mut run = testing::Golden::new(testing::outline(&[
            ("a", "run", "a", &[]),
            ("b", "run", "b", &[]),
            ("c", "run", "c", &[]),
        ]));
        for step in ["a", "b"] {
            run.starts(step).fails(step);
        }
        let view = run.view();
        let page = Menu::of(&view, Halt::Paused).page(&view).to_string();
        for line in ["2 steps need somebody\n", "`a` failed", "`b` failed", "  try all that failed again\n"] {
            assert!(page.contains(line), "`{line}` is missing in\n{page}");
        }
    }
}
