//! Graphs of steps that do nothing, as a runbook and for `ninja`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

/// What each step needs, by number; a step's own number is its place.
pub struct Graph(Vec<Vec<usize>>);

impl Graph {
    pub fn chain(steps: usize) -> Self {
        Self((0..steps).map(|step| step.checked_sub(1).into_iter().collect()).collect())
    }

    /// Layers of `wide` steps; each step needs two of the layer before.
    pub fn layers(steps: usize, wide: usize) -> Self {
        let needs = |step: usize| match step / wide {
            0 => Vec::new(),
            layer => vec![step - wide, (layer - 1) * wide + (step + 1) % wide],
        };
        Self((0..steps).map(needs).collect())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// `more` is YAML of further steps.
    pub fn runbook(&self, folder: &Path, more: &str) -> Result<PathBuf> {
        let mut text = String::from("version: 1\nname: steps\ndescription: Steps.\nseverity: restore-only\nsteps:\n");
        for (step, needs) in self.0.iter().enumerate() {
            let needs: Vec<String> = needs.iter().map(|need| format!("s{need}")).collect();
            let with = "uses: run\n    with: { command: [/bin/true] }";
            let _ = writeln!(text, "  - id: s{step}\n    needs: [{}]\n    {with}", needs.join(", "));
        }
        text.push_str(more);
        let file = folder.join("runbook.yaml");
        fs::write(&file, text)?;
        Ok(file)
    }

    /// A folder for `ninja -C`.
    pub fn ninja(&self, folder: &Path) -> Result<PathBuf> {
        let mut text = String::from("rule true\n  command = /bin/true\n");
        for (step, needs) in self.0.iter().enumerate() {
            let needs: Vec<String> = needs.iter().map(|need| format!("s{need}")).collect();
            let _ = writeln!(text, "build s{step}: true {}", needs.join(" "));
        }
        let folder = folder.join("ninja");
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("build.ninja"), text)?;
        Ok(folder)
    }

    /// The file of a `make` that does the same.
    pub fn makefile(&self, folder: &Path) -> Result<PathBuf> {
        let mut text = String::from("all:");
        (0..self.len()).for_each(|step| text.push_str(&format!(" s{step}")));
        let _ = write!(text, "\n.PHONY: all");
        (0..self.len()).for_each(|step| text.push_str(&format!(" s{step}")));
        text.push('\n');
        for (step, needs) in self.0.iter().enumerate() {
            let needs: Vec<String> = needs.iter().map(|need| format!("s{need}")).collect();
            let _ = writeln!(text, "s{step}: {}\n\t@/bin/true", needs.join(" "));
        }
        let file = folder.join("Makefile");
        fs::write(&file, text)?;
        Ok(file)
    }
}
