//! The live view: what has happened scrolls by above, what goes on stands below and is drawn again four times a second.
//!
//! A terminal that cannot be drawn on, or stops taking what is drawn, gets plain lines. Nothing here can stop a run.

use std::io::{self, Stderr, Write};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use console::{Term, measure_text_width};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;

use super::lines::{Lines, Teller, Volume};
use super::scene::Scene;
use crate::model::{Event, Record, RunState};
use crate::plan::outline::Outline;
use crate::view::paint::Paint;
use crate::view::words::stamp_word;
use crate::view::{Commands, Observer, clean};

const PACE: Duration = Duration::from_millis(250);
const HZ: u8 = 4;

/// How a run is shown to the people at this terminal.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    pub outline: &'a Outline,
    /// Where pulses lie: the run's `work` folder.
    pub work: &'a Path,
    pub commands: Commands,
    pub volume: Volume,
    pub colour: bool,
}

/// A live view where stderr is a terminal that can be drawn on, else plain lines.
pub fn observer(look: &Look<'_>) -> Box<dyn Observer> {
    match Live::start(look) {
        Some(live) => Box::new(live),
        None => Box::new(plain(look)),
    }
}

fn plain(look: &Look<'_>) -> Lines<Stderr> {
    Lines::new(io::stderr(), look.outline, look.commands.clone(), look.volume)
}

pub struct Live {
    screen: MultiProgress,
    scene: Arc<Mutex<Scene>>,
    teller: Teller,
    /// Takes over once the terminal misbehaves.
    plain: Lines<Stderr>,
    is_broken: bool,
    /// Dropped to end the thread.
    stop: Option<Sender<()>>,
    painter: Option<JoinHandle<()>>,
}

/// Keeps the live view off the terminal while something is asked there.
#[derive(Clone, Debug)]
pub struct Curtain(MultiProgress);

impl Curtain {
    pub fn hold<T>(&self, ask: impl FnOnce() -> T) -> T {
        self.0.suspend(ask)
    }
}

impl Live {
    /// `None` where there is nothing to draw on.
    pub fn start(look: &Look<'_>) -> Option<Self> {
        let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
        if is_dumb || !Term::stderr().is_term() || look.volume == Volume::Quiet {
            return None;
        }
        let screen = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(HZ));
        let paint = Paint { colour: look.colour };
        let scene = Arc::new(Mutex::new(Scene::new(look.outline, look.work, look.commands.clone(), paint)));
        let (stop, stopped) = channel::<()>();
        let mut canvas = Canvas { screen: screen.clone(), bars: Vec::new(), title: String::new(), width: 0 };
        let shown = scene.clone();
        let paint_on = move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(PACE) {
                canvas.draw(&shown);
            }
            canvas.clear();
        };
        let painter = thread::Builder::new().name("live-view".into()).spawn(paint_on).ok()?;
        let teller = Teller::new(look.outline, look.commands.clone(), look.volume);
        let (plain, stop, painter) = (plain(look), Some(stop), Some(painter));
        Some(Self { screen, scene, teller, plain, is_broken: false, stop, painter })
    }

    pub fn curtain(&self) -> Curtain {
        Curtain(self.screen.clone())
    }

    fn print_above(&mut self, records: &[Record], state: &RunState) {
        let told = records.iter().filter(|record| scrolls_by(&record.event));
        let text: String = told.map(|record| self.teller.lines(record, state)).collect();
        self.print(&text);
    }

    fn print(&mut self, text: &str) {
        // Lines of their own: written by the drawer they would be filled up with blanks, and be copied as one.
        let text = clean::screen(text.trim_end());
        let write = || writeln!(io::stderr().lock(), "{text}");
        if !text.is_empty() && self.screen.suspend(write).is_err() {
            self.is_broken = true;
            self.leave();
        }
    }

    fn leave(&mut self) {
        self.stop = None;
        if let Some(painter) = self.painter.take() {
            // A painter that panicked has stopped painting, which is all that is wanted.
            let _ = painter.join();
        }
    }
}

impl Observer for Live {
    fn observe(&mut self, records: &[Record], state: &RunState) {
        if self.is_broken {
            return self.plain.observe(records, state);
        }
        lock(&self.scene).update(records, state);
        self.print_above(records, state);
    }

    fn notice(&mut self, text: &str) {
        if self.is_broken {
            return self.plain.notice(text);
        }
        self.print(&format!("{} {text}", stamp_word(Timestamp::now())));
    }

    fn finish(&mut self) {
        self.leave();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.leave();
    }
}

/// What is under way stands below already.
fn scrolls_by(event: &Event) -> bool {
    !matches!(event, Event::StepIntended(_))
}

fn lock(scene: &Mutex<Scene>) -> MutexGuard<'_, Scene> {
    scene.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The lines that fit: half of the terminal is left to what scrolls by.
fn fitting(scene: &Scene, height: usize, width: usize) -> Vec<String> {
    let room = (height / 2).max(4);
    let rows = |line: &String| if is_to_be_copied(line) { measure_text_width(line).div_ceil(width.max(1)) } else { 1 };
    scene.lines(Timestamp::now(), room, rows)
}

fn is_to_be_copied(line: &str) -> bool {
    line.contains(" regrow ")
}

/// One bar a line; a bar here is only a line of text that indicatif draws in its place.
struct Canvas {
    screen: MultiProgress,
    bars: Vec<ProgressBar>,
    title: String,
    /// Columns of the terminal when it was drawn on last.
    width: u16,
}

/// A terminal that is made narrower breaks what is drawn into more lines, not all of which can then be taken away.
const OF_BEFORE: &str = "^ as it stood before the window was made narrower";

/// Title of the terminal: kept, set, given back (xterm's control sequences, which others ignore).
const KEEP_TITLE: &str = "\x1b[22;2t";
const GIVE_BACK_TITLE: &str = "\x1b[23;2t";

impl Canvas {
    fn draw(&mut self, scene: &Mutex<Scene>) {
        let (height, width) = Term::stderr().size();
        let (lines, title) = {
            let scene = lock(scene);
            (fitting(&scene, usize::from(height), usize::from(width)), scene.title())
        };
        self.call(clean::word(&title));
        if std::mem::replace(&mut self.width, width) > width && !self.bars.is_empty() {
            // A line that cannot be written is not worth a word.
            let _ = self.screen.suspend(|| writeln!(io::stderr().lock(), "{OF_BEFORE}"));
        }
        while self.bars.len() < lines.len() {
            let bar = self.screen.add(ProgressBar::new_spinner());
            self.bars.push(bar);
        }
        for bar in self.bars.drain(lines.len()..) {
            bar.finish_and_clear();
            self.screen.remove(&bar);
        }
        for (bar, line) in self.bars.iter().zip(lines) {
            // What is to be copied is never cut: the terminal wraps it, and gives it back as one line.
            if let Ok(style) = ProgressStyle::with_template(if is_to_be_copied(&line) { "{msg}" } else { "{wide_msg}" })
            {
                bar.set_style(style);
            }
            bar.set_message(clean::whole_line(&line));
        }
    }

    fn call(&mut self, title: String) {
        if self.title == title {
            return;
        }
        let keep = if self.title.is_empty() { KEEP_TITLE } else { "" };
        // A title that cannot be set is not worth a word.
        let _ = Term::stderr().write_str(&format!("{keep}\x1b]2;{title}\x07"));
        self.title = title;
    }

    fn clear(&mut self) {
        if !self.title.is_empty() {
            let _ = Term::stderr().write_str(GIVE_BACK_TITLE);
        }
        self.bars.drain(..).for_each(|bar| bar.finish_and_clear());
        // A terminal that cannot be cleared is left as it is.
        let _ = self.screen.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::testing;

    #[test]
    fn without_a_terminal_there_is_no_live_view_and_nothing_panics() {
        let run = testing::ok();
        let work = run.dir.work();
        let commands = Commands::new(run.id());
        let look = Look { outline: &run.outline, work: &work, commands, volume: Volume::Quiet, colour: false };
        assert!(Live::start(&look).is_none());
        run.replay_to(&mut *observer(&look));
    }
}
