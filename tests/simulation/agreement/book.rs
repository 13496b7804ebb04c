//! Random runbooks with everything that decides what runs, as data for the model and as text for regrow.

use std::fmt::Write;

use fastrand::Rng;

#[derive(Clone, Debug)]
pub struct Book {
    pub steps: Vec<Step>,
    pub finally: Vec<Step>,
    pub concurrency: usize,
    /// `--on-failure abort`.
    pub aborts: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Step {
    pub id: String,
    pub needs: Vec<Need>,
    pub condition: Condition,
    pub allow_failure: bool,
    pub lock: Option<u8>,
    /// `retry`: all attempts together, and whether failures that are not transient count.
    pub attempts: u32,
    pub retries_all: bool,
    pub items: Option<Items>,
    /// A block of these, if there are any.
    pub inside: Vec<Step>,
    /// They are ways to the same thing: a `try`.
    pub tries: bool,
    pub repair: Option<Box<Repair>>,
    /// How many attempts fail first, by item.
    pub fails: Vec<u32>,
    /// Whether those failures are transient.
    pub transient: bool,
}

#[derive(Clone, Debug)]
pub struct Repair {
    /// Whether it is against the fault of its step, and not against another one.
    pub fits: bool,
    pub times: u32,
    /// `STEP/repair-1`.
    pub step: Step,
}

#[derive(Clone, Debug)]
pub struct Need {
    pub step: usize,
    pub when: Option<Vec<&'static str>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Condition {
    #[default]
    None,
    Always(bool),
    /// Whether that step put something out.
    Made(usize),
    /// The same, and it is an error if it did not.
    Reads(usize),
}

#[derive(Clone, Copy, Debug)]
pub struct Items {
    pub count: usize,
    pub serial: bool,
    pub stops: bool,
    pub most: Option<usize>,
    /// The list is put out by that step.
    pub runtime: Option<usize>,
}

pub const KEYS: [&str; 4] = ["p", "q", "r", "s"];
const ENDS: [&str; 4] = ["succeeded", "skipped", "failed", "blocked"];

impl Book {
    pub fn random(rng: &mut Rng) -> Self {
        let (count, aborts) = (rng.usize(1..=9), rng.u8(..5) == 0);
        let mut steps: Vec<Step> = Vec::new();
        for at in 0..count {
            let mut step = Step::random(rng, "s", at, &steps, 2);
            if aborts {
                step.fail_in_no_moment();
            }
            steps.push(step);
        }
        let finally = (0..rng.usize(..3)).map(|at| Step {
            id: format!("f{at}"),
            attempts: 1,
            fails: vec![u32::from(rng.u8(..4) == 0)],
            allow_failure: rng.u8(..4) == 0,
            condition: if rng.u8(..6) == 0 { Condition::Always(rng.bool()) } else { Condition::None },
            ..Step::default()
        });
        let finally = finally.collect();
        Self { steps, finally, concurrency: rng.usize(1..=5), aborts }
    }

    /// Each with a little less in it.
    pub fn simplified(&self) -> Vec<Self> {
        let mut all = Vec::new();
        for at in 0..self.steps.len() {
            all.extend(self.without(at));
            let mut change = |change: &dyn Fn(&mut Step)| {
                let mut book = self.clone();
                change(&mut book.steps[at]);
                if format!("{book:?}") != format!("{self:?}") {
                    all.push(book);
                }
            };
            change(&|step| step.condition = Condition::None);
            change(&|step| {
                step.lock = None;
                step.repair.iter_mut().for_each(|repair| repair.step.lock = None);
            });
            change(&|step| step.attempts = 1);
            change(&|step| step.allow_failure = false);
            change(&|step| step.fails.iter_mut().for_each(|fails| *fails = 0));
            change(&|step| step.items = None);
            change(&|step| step.inside.clear());
            change(&|step| step.items.iter_mut().for_each(|items| items.runtime = None));
            change(&|step| step.inside.truncate(if step.tries { 2 } else { 1 }));
            change(&|step| step.repair = None);
            change(&|step| step.repair.iter_mut().for_each(|repair| repair.times = 1));
            change(&|step| step.inside.iter_mut().for_each(|step| step.repair = None));
            change(&|step| step.inside.iter_mut().for_each(|step| step.inside.clear()));
            change(&|step| step.inside.iter_mut().for_each(|step| step.items = None));
            change(&|step| step.inside.iter_mut().for_each(|step| step.condition = Condition::None));
            change(&|step| {
                step.inside.iter_mut().for_each(|step| {
                    step.lock = None;
                    step.repair.iter_mut().for_each(|repair| repair.step.lock = None);
                });
            });
            change(&|step| step.inside.iter_mut().for_each(|step| step.allow_failure = false));
            change(&|step| step.inside.iter_mut().for_each(|step| step.fails.fill(0)));
            change(&|step| step.items.iter_mut().for_each(|items| items.most = None));
            for need in 0..self.steps[at].needs.len() {
                change(&|step| {
                    step.needs.remove(need);
                    step.condition = Condition::None;
                    step.items.iter_mut().for_each(|items| items.runtime = None);
                });
                change(&|step| step.needs[need].when = None);
            }
        }
        for at in 0..self.finally.len() {
            let mut book = self.clone();
            book.finally.remove(at);
            all.push(book);
        }
        all
    }

    /// Without one step that nobody names.
    fn without(&self, at: usize) -> Option<Self> {
        let names = |step: &Step| {
            step.needs.iter().any(|need| need.step == at)
                || matches!(step.condition, Condition::Made(of) | Condition::Reads(of) if of == at)
                || step.items.is_some_and(|items| items.runtime == Some(at))
        };
        if self.steps.len() == 1 || self.steps.iter().any(names) {
            return None;
        }
        let mut book = self.clone();
        book.steps.remove(at);
        for step in &mut book.steps {
            step.needs.iter_mut().filter(|need| need.step > at).for_each(|need| need.step -= 1);
            if let Condition::Made(of) | Condition::Reads(of) = &mut step.condition
                && *of > at
            {
                *of -= 1;
            }
            let lists = step.items.iter_mut().filter_map(|items| items.runtime.as_mut());
            lists.filter(|of| **of > at).for_each(|of| *of -= 1);
        }
        Some(book)
    }

    pub fn text(&self) -> String {
        let mut text = String::from("\n");
        let line = |text: &mut String, step: &Step, steps: &[Step], finally: bool| {
            let _ = writeln!(text, "  - {} # {}", step.text(steps, finally), step.script());
        };
        self.steps.iter().for_each(|step| line(&mut text, step, &self.steps, false));
        if !self.finally.is_empty() {
            text.push_str("finally:\n");
            self.finally.iter().for_each(|step| line(&mut text, step, &self.finally, true));
        }
        let _ = write!(text, "# concurrency {}, on failure abort: {}", self.concurrency, self.aborts);
        text
    }
}

impl Step {
    /// As a flow mapping. `beside` are the steps of the same block.
    fn text(&self, beside: &[Step], in_order: bool) -> String {
        let need = |need: &Need| match &need.when {
            None => beside[need.step].id.clone(),
            Some(when) => format!("{{ step: {}, when: [{}] }}", beside[need.step].id, when.join(", ")),
        };
        let mut text = format!("{{ id: {}", self.id);
        if self.inside.is_empty() {
            text.push_str(", uses: sim.read, with: {}");
        } else {
            let inside = self.inside.iter().map(|step| step.text(&self.inside, self.tries));
            let inside: Vec<String> = inside.collect();
            let _ = write!(text, ", {}: [{}]", if self.tries { "try" } else { "steps" }, inside.join(", "));
        }
        if !in_order {
            let _ = write!(text, ", needs: [{}]", self.needs.iter().map(need).collect::<Vec<_>>().join(", "));
        }
        let made = |of: usize| format!("steps.{}.outputs.made", beside[of].id);
        let _ = match self.condition {
            Condition::None => Ok(()),
            Condition::Always(yes) => write!(text, ", if: {yes}"),
            Condition::Made(of) => write!(text, ", if: (exists {})", made(of)),
            Condition::Reads(of) => write!(text, ", if: (ne {} \"\")", made(of)),
        };
        if self.allow_failure {
            text.push_str(", allow_failure: true");
        }
        if let Some(lock) = self.lock.filter(|_| self.inside.is_empty()) {
            let _ = write!(text, ", lock: l{lock}");
        }
        if self.attempts > 1 && self.inside.is_empty() {
            let when = if self.retries_all { "failed" } else { "transient" };
            let _ = write!(text, ", retry: {{ attempts: {}, delay: 5s, when: [{when}] }}", self.attempts);
        }
        if let Some(repair) = &self.repair {
            let when = if repair.fits { "as the script" } else { "another" };
            let times = repair.times;
            let _ =
                write!(text, ", repair: {{ when: {when}, attempts: {times}, do: {{ uses: sim.read, with: {{}} }} }}");
        }
        if let Some(items) = self.items {
            let order = if items.serial { "serial" } else { "parallel" };
            let failure = if items.stops { "stop" } else { "isolate" };
            let list = match items.runtime {
                Some(of) => format!("\"{{{{ steps.{}.outputs.l{} }}}}\"", beside[of].id, items.count),
                None => format!("[{}]", KEYS[..items.count].join(", ")),
            };
            let _ = write!(text, ", foreach: {list}, order: {order}, on_item_failure: {failure}");
            if let Some(most) = items.most {
                let _ = write!(text, ", max_parallel: {most}");
            }
        }
        text + " }"
    }

    /// How its attempts go.
    fn script(&self) -> String {
        let own = format!("{} fails {:?} {}", self.id, self.fails, if self.transient { "transient" } else { "firm" });
        let own = self.repair.iter().fold(own, |text, repair| format!("{text}, {}", repair.step.script()));
        self.inside.iter().fold(own, |text, step| format!("{text}; {}", step.script()))
    }

    /// A condition fails, or a list, in the moment in which others start; which of them come first nobody says.
    fn fail_in_no_moment(&mut self) {
        if let Condition::Reads(of) = self.condition {
            self.condition = Condition::Made(of);
        }
        self.items.iter_mut().for_each(|items| items.runtime = None);
        // If none of its ways is taken, a `try` fails.
        self.inside.iter_mut().filter(|_| self.tries).for_each(|way| way.condition = Condition::None);
        self.inside.iter_mut().for_each(Step::fail_in_no_moment);
    }
}

impl Step {
    /// `deep`: how deep blocks may be nested in it.
    fn random(rng: &mut Rng, above: &str, at: usize, before: &[Step], deep: usize) -> Self {
        let id = format!("{above}{at}");
        let mut needs = Vec::new();
        for step in 0..at {
            if rng.u8(..3) == 0 {
                let some = |rng: &mut Rng| ENDS.into_iter().filter(|_| rng.bool()).collect::<Vec<_>>();
                let when = (rng.u8(..3) == 0).then(|| some(rng)).filter(|when| !when.is_empty());
                needs.push(Need { step, when });
            }
        }
        let is_single = |of: &usize| before[*of].items.is_none() && before[*of].inside.is_empty();
        let single = needs.iter().map(|need: &Need| need.step).find(is_single);
        let condition = match (rng.u8(..10), single) {
            (0, _) => Condition::Always(rng.bool()),
            (1 | 2, Some(of)) => Condition::Made(of),
            (3, Some(of)) => Condition::Reads(of),
            _ => Condition::None,
        };
        let items = (rng.u8(..4) == 0).then(|| Items {
            count: rng.usize(..=4),
            serial: rng.bool(),
            stops: rng.bool(),
            most: rng.bool().then(|| rng.usize(1..=3)),
            runtime: single.filter(|_| rng.u8(..3) == 0),
        });
        let mut inside = Vec::new();
        if deep > 0 && rng.u8(..4) == 0 {
            for at in 0..rng.usize(1..=3) {
                inside.push(Self::random(rng, &format!("{id}i"), at, &inside, deep - 1));
            }
        }
        let tries = inside.is_empty() && rng.u8(..8) == 0;
        if tries {
            inside = (0..rng.usize(2..=3)).map(|at| Self::way(rng, &format!("{id}w{at}"), deep)).collect();
        }
        let is_leaf = inside.is_empty();
        let lock = (is_leaf && rng.u8(..3) == 0).then(|| rng.u8(..2));
        let repair = (is_leaf && items.is_none()).then(|| Repair::random(rng, &id, lock)).flatten();
        Self {
            repair,
            tries,
            id,
            inside,
            needs,
            condition,
            allow_failure: rng.u8(..5) == 0,
            lock,
            attempts: if rng.bool() { 1 } else { rng.u32(2..=3) },
            retries_all: rng.bool(),
            items,
            fails: (0..4).map(|_| if rng.u8(..3) == 0 { rng.u32(1..=4) } else { 0 }).collect(),
            transient: rng.bool(),
        }
    }

    /// One of several, which mostly fails.
    fn way(rng: &mut Rng, id: &str, deep: usize) -> Self {
        let mut inside = Vec::new();
        if deep > 0 && rng.u8(..4) == 0 {
            for at in 0..rng.usize(1..=2) {
                inside.push(Self::random(rng, &format!("{id}i"), at, &inside, deep - 1));
            }
        }
        let is_leaf = inside.is_empty();
        let lock = (is_leaf && rng.u8(..3) == 0).then(|| rng.u8(..2));
        Self {
            id: id.into(),
            repair: if is_leaf { Repair::random(rng, id, lock) } else { None },
            inside,
            condition: if rng.u8(..4) == 0 { Condition::Always(rng.bool()) } else { Condition::None },
            lock,
            attempts: rng.u32(1..=2),
            retries_all: rng.bool(),
            fails: (0..4).map(|_| if rng.u8(..3) > 0 { rng.u32(1..=4) } else { 0 }).collect(),
            transient: rng.bool(),
            ..Self::default()
        }
    }
}

impl Repair {
    fn random(rng: &mut Rng, of: &str, lock: Option<u8>) -> Option<Box<Self>> {
        if rng.u8(..4) > 0 {
            return None;
        }
        let step = Step {
            id: format!("{of}/repair-1"),
            attempts: 1,
            allow_failure: true,
            lock,
            fails: (0..4).map(|_| if rng.u8(..3) == 0 { rng.u32(1..=2) } else { 0 }).collect(),
            ..Step::default()
        };
        Some(Box::new(Self { fits: rng.u8(..4) > 0, times: rng.u32(1..=2), step }))
    }
}
