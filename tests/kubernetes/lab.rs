//! A place with a runbook, and a namespace of its own in a cluster that all tests of this process share.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};

use rig::Scratch;
use rig::servers::Cluster;
use serde_json::Value;

use super::support::{Place, REGROW, Said, finish};

pub struct Shared {
    // In this order they end.
    pub cluster: Cluster,
    _scratch: Scratch,
}

impl Shared {
    pub fn start() -> Shared {
        let scratch = Scratch::new().unwrap();
        Shared { cluster: Cluster::start(&scratch).unwrap(), _scratch: scratch }
    }

    /// One for all tests that run at the same time.
    fn borrow() -> Arc<Shared> {
        static ONE: Mutex<Weak<Shared>> = Mutex::new(Weak::new());
        let mut one = ONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        one.upgrade().unwrap_or_else(|| {
            let shared = Arc::new(Shared::start());
            *one = Arc::downgrade(&shared);
            shared
        })
    }
}

pub struct Lab {
    pub shared: Arc<Shared>,
    pub place: Place,
    pub space: String,
}

impl Lab {
    pub fn new() -> Lab {
        Lab::on(Shared::borrow())
    }

    pub fn on(shared: Arc<Shared>) -> Lab {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let space = format!("edx-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        shared.cluster.said(&["create", "namespace", &space]).unwrap();
        let lab = Lab { shared, place: Place::new("steps: []\n"), space };
        lab.kubeconfig(&fs::read_to_string(lab.shared.cluster.kubeconfig()).unwrap());
        lab
    }

    pub fn kubeconfig(&self, text: &str) {
        self.place.write("kube", text);
    }

    /// A runbook with one step, `it`; `with` are fields one a line, `more` are keys of the step.
    pub fn book(&self, kind: &str, with: &str, more: &str) {
        let indented = |text: &str, by: &str| text.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
        self.place.write(
            "book.yaml",
            &format!(
                "version: 1\nname: book\nseverity: partial\nsteps:\n  - id: it\n    needs: []\n    uses: kubernetes.{kind}\n\
                 {}    with:\n      kubeconfig: kube\n      namespace: {}\n{}",
                indented(more, "    "),
                self.space,
                indented(with, "      ")
            ),
        );
    }

    /// What `kubectl` prints in the namespace.
    #[track_caller]
    pub fn kubectl(&self, arguments: &str) -> String {
        let mut all = vec!["-n", self.space.as_str()];
        all.extend(arguments.split_whitespace());
        self.shared.cluster.said(&all).unwrap()
    }

    /// An object, as JSON.
    pub fn object(&self, object: &str) -> Value {
        serde_json::from_str(&self.kubectl(&format!("get {object} -o json"))).unwrap()
    }

    /// A workload with that many pods, which stay `Pending`.
    pub fn deploy(&self, name: &str, replicas: usize) {
        self.kubectl(&format!("create deployment {name} --image=none.test/none --replicas={replicas}"));
        self.until_pods(name, replicas);
    }

    pub fn pods(&self, name: &str) -> Vec<String> {
        self.kubectl(&format!("get pods -l app={name} -o name")).lines().map(str::to_owned).collect()
    }

    pub fn until_pods(&self, name: &str, count: usize) {
        self.place.until(&format!("{name} has {count} pods"), |_| self.pods(name).len() == count);
    }

    /// Says of its pods what a kubelet would; some may be going.
    pub fn make_ready(&self, name: &str) {
        let status = r#"{"status":{"phase":"Running","conditions":[{"type":"Ready","status":"True"}]}}"#;
        for pod in self.pods(name) {
            let patch = ["-n", &self.space, "patch", &pod, "--subresource=status", "--type=merge", "-p", status];
            let said = self.shared.cluster.said(&patch).map_err(|error| error.to_string());
            assert!(said.as_ref().err().is_none_or(|error| error.contains("NotFound")), "{said:?}");
        }
    }

    /// Its pods stay until they are let go, as those do that take their time to end.
    pub fn hold_pods(&self, name: &str, hold: bool) {
        let list = if hold { r#"["regrow.test/hold"]"# } else { "null" };
        for pod in self.pods(name) {
            self.kubectl(&format!(r#"patch {pod} --type=merge -p {{"metadata":{{"finalizers":{list}}}}}"#));
        }
    }

    pub fn undo(&self, run: &str) -> Said {
        self.place.argv(&["undo", "--run", run, "--yes", "--because", "test"])
    }

    pub fn approve(&self, run: &str) {
        let code = self.place.step("it")["asks"]["code"].as_str().unwrap().to_owned();
        self.place.regrow(&format!("approve it --code {code} --run {run}")).ends(0);
    }

    pub fn fault(&self) -> Value {
        self.place.step("it")["fault"].clone()
    }

    /// Waits until the step says that in its log.
    pub fn until_said(&self, text: &str) {
        self.place.until(&format!("it says: {text}"), |place| {
            let said = place.regrow("logs it --run run1");
            said.stdout.contains(text)
        });
    }
}

/// Starts the run and kills it before its k-th sync. False if it ended before that.
pub fn killed_before_sync(lab: &Lab, k: usize) -> bool {
    let kill = format!("inject=fdatasync,fsync:signal=SIGKILL:when={k}");
    let mut args = vec!["-qq", "-e", "trace=fdatasync,fsync", "-o", "/dev/null", "-e", &kill, REGROW];
    args.extend(["run", "book.yaml", "--yes", "--no-wait", "--run-id", "run1"]);
    let said: Said = finish(lab.place.command("strace", &args));
    let killed = said.signal.is_some();
    if !killed {
        said.ends(0);
        assert!(k > 5, "nothing was killed");
    }
    killed
}

/// Goes on with what was killed, or begins where nothing was begun.
pub fn gone_on(lab: &Lab) -> Said {
    if lab.place.run_dir().exists() { lab.place.regrow("resume run1 --no-wait") } else { lab.place.run("--no-wait") }
}

/// Killed before its k-th sync, for every k, in a new place each time; then resumed, and `holds` looks at what came of it.
pub fn killed_at_every_sync(lab: &Lab, make: impl Fn(&Lab, usize), holds: impl Fn(&Lab, usize)) {
    for k in 1.. {
        assert!(k < 100, "it syncs without an end");
        let _ = fs::remove_dir_all(lab.place.path("state"));
        make(lab, k);
        let killed = killed_before_sync(lab, k);
        if killed {
            gone_on(lab).ends(0);
        }
        assert_eq!(lab.place.state(), "succeeded", "killed before sync {k}");
        lab.place.regrow("verify-log run1").ends(0);
        holds(lab, k);
        if !killed {
            return;
        }
    }
}
