//! A terminal: the binary under `script`, with what it draws and what is typed.

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use super::support::{Place, REGROW};

const PATIENCE: Duration = Duration::from_secs(30);

pub struct Screen {
    child: Child,
    drawn: Arc<Mutex<Vec<u8>>>,
    /// What was looked at already.
    seen: usize,
}

impl Screen {
    /// `regrow LINE` at a terminal of 80 columns and 30 rows.
    pub fn start(place: &Place, line: &str) -> Self {
        Self::with(place, line, |_| {})
    }

    pub fn with(place: &Place, line: &str, change: impl FnOnce(&mut Command)) -> Self {
        let within = format!("stty cols 80 rows 30; exec {REGROW} {line}");
        let mut command = place.command("script", &["-qfec", &within, "/dev/null"]);
        command.env("TERM", "xterm").env("SHELL", "/bin/sh");
        change(&mut command);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let drawn = Arc::new(Mutex::new(Vec::new()));
        let (mut out, into) = (child.stdout.take().unwrap(), drawn.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count) = out.read(&mut bytes) {
                if count == 0 {
                    return;
                }
                into.lock().unwrap().extend_from_slice(&bytes[..count]);
            }
        });
        Self { child, drawn, seen: 0 }
    }

    pub fn types(&mut self, text: &str) {
        let keys = self.child.stdin.as_mut().unwrap();
        keys.write_all(text.as_bytes()).unwrap();
        keys.flush().unwrap();
    }

    /// Everything that was ever drawn.
    pub fn drawn(&self) -> String {
        String::from_utf8_lossy(&self.drawn.lock().unwrap()).into_owned()
    }

    /// Waits for a text behind the last one that was waited for.
    #[track_caller]
    pub fn until(&mut self, text: &str) {
        let begun = Instant::now();
        loop {
            let drawn = self.drawn();
            let rest = drawn.get(self.seen..).unwrap_or_default();
            if let Some(at) = rest.find(text) {
                self.seen += at + text.len();
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "waited in vain for `{text}` in\n{}", self.drawn());
            thread::sleep(Duration::from_millis(15));
        }
    }

    /// The exit code, once it has ended by itself.
    #[track_caller]
    pub fn ends(mut self, code: i32) -> String {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < PATIENCE, "it does not end:\n{}", self.drawn());
            thread::sleep(Duration::from_millis(10));
        };
        // The reader may still have the last piece in its hands.
        thread::sleep(Duration::from_millis(50));
        let drawn = self.drawn();
        assert_eq!(status.code(), Some(code), "{drawn}");
        drawn
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
