//! `terraform.apply` on the real Terraform: what it does on a good day, and what it refuses.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use serde_json::{Value, json};

use super::support::{Place, holding};

/// A module whose resources say on a list of their own that they were made, and a runbook that applies it.
pub const MODULE: &str = r#"
variable "n" {
  type    = number
  default = 2
}
variable "kept" {
  type    = string
  default = "one"
}
variable "pause" {
  type    = string
  default = "true"
}
resource "terraform_data" "made" {
  count            = var.n
  triggers_replace = var.kept
  provisioner "local-exec" {
    command = "echo ${count.index} >> ../made; ${var.pause}"
  }
}
output "count" {
  value = length(terraform_data.made)
}
"#;

/// The program that is tested: `REGROW_TEST_TERRAFORM=tofu` takes OpenTofu.
fn binary() -> String {
    std::env::var("REGROW_TEST_TERRAFORM").unwrap_or_else(|_| "terraform".into())
}

/// Fails where there is no Terraform, and says what is missing.
pub fn place(module: &str, with: &str, more: &str) -> Place {
    let binary = binary();
    if binary == "terraform" {
        rig::tools::terraform().unwrap();
    }
    let place = Place::new(&format!(
        "steps:\n  - id: platform\n    uses: terraform.apply\n    needs: []\n    with: {{ dir: infra, binary: {binary}{with} }}\n{more}"
    ));
    fs::create_dir(place.path("infra")).unwrap();
    place.write("infra/main.tf", module);
    place
}

/// How often each thing was made.
pub fn made(place: &Place) -> Vec<String> {
    let mut lines: Vec<String> = place.read("made").lines().map(str::to_string).collect();
    lines.sort();
    lines
}

/// The step's code and causes in one text.
pub fn fault(place: &Place) -> String {
    place.step("platform")["fault"].to_string()
}

fn run_id(place: &Place, id: &str, code: i32) -> Value {
    place.regrow(&format!("run book.yaml --yes --no-wait --run-id {id}")).ends(code);
    place.step("platform")
}

/// Applies the module beside regrow, as a colleague would.
pub fn by_hand(place: &Place, arguments: &[&str]) {
    let mut command = place.command(&binary(), arguments);
    command.current_dir(place.path("infra")).env("TF_DATA_DIR", place.path("by-hand")).env("CHECKPOINT_DISABLE", "1");
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_module_is_created_changed_and_left_alone() {
    let place = place(
        MODULE,
        "",
        &format!(
            "    verify: [{{ probe: terraform.no_changes, with: {{ dir: infra, binary: {} }}, expect: {{ equals: true }} }}]\n",
            binary()
        ),
    );
    let step = run_id(&place, "run1", 0);
    assert_eq!((step["state"].as_str(), &step["outputs"]), (Some("succeeded"), &json!({"count": 2})));
    assert_eq!(made(&place), ["0", "1"]);
    // Nothing to change: no apply at all.
    run_id(&place, "run2", 0);
    assert!(!place.path("state/runs/run2/work/run2.platform.1.1.apply.job").exists());
    assert_eq!(made(&place), ["0", "1"]);
    place.write("infra/terraform.tfvars", "n = 3\n");
    let step = run_id(&place, "run3", 0);
    assert_eq!(step["outputs"], json!({"count": 3}));
    assert_eq!(made(&place), ["0", "1", "2"]);
}

#[test]
fn a_dry_run_shows_every_address_and_changes_nothing() {
    let place = place(MODULE, "", "");
    let said = place.regrow("plan book.yaml").ends(0);
    assert!(said.stdout.contains("~ create terraform_data.made[1]"), "{}", said.stdout);
    assert!(said.stdout.contains("~ 2 to create"), "{}", said.stdout);
    assert!(made(&place).is_empty());
    let mut left: Vec<_> = fs::read_dir(place.path("infra")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["main.tf"]);
}

#[test]
fn what_would_be_destroyed_is_refused_unless_it_is_named() {
    for (vars, refused, allow) in [
        ("n = 1\n", "would delete terraform_data.made[1]", "terraform_data.made[1]"),
        ("kept = \"two\"\n", "would replace terraform_data.made[0] and 1 more", "terraform_data.made[*]"),
    ] {
        let place = place(MODULE, "", "");
        run_id(&place, "run1", 0);
        place.write("infra/terraform.tfvars", vars);
        let step = run_id(&place, "run2", 1);
        assert_eq!(step["fault"]["code"], "RG2703");
        assert!(step["fault"]["message"].as_str().unwrap().contains(refused), "{}", step["fault"]);
        assert_eq!(made(&place), ["0", "1"]);
        // Another pattern does not help; the right one does.
        for (id, pattern, code) in [("run3", "module.x.*", 1), ("run4", allow, 0)] {
            let text = place.read("book.yaml");
            let line = text.lines().find(|line| line.contains("with:")).unwrap().to_owned();
            place.write(
                "book.yaml",
                &text.replace(
                    &line,
                    &format!("    with: {{ dir: infra, binary: {}, allow_destroy: [\"{pattern}\"] }}", binary()),
                ),
            );
            run_id(&place, id, code);
        }
    }
}

#[test]
fn an_approval_stands_for_one_plan_only() {
    let place = place(MODULE, "", "    approval: {}\n");
    place.run("--no-wait").ends(3);
    let asked = place.step("platform")["asks"].clone();
    assert!(asked["what"].to_string().contains("create terraform_data.made[1]"), "{asked}");
    assert!(made(&place).is_empty());
    // Meanwhile a colleague makes one of the two.
    by_hand(&place, &["init"]);
    by_hand(&place, &["apply", "-auto-approve", "-target=terraform_data.made[0]"]);
    place.argv(&["approve", "platform", "--code", asked["code"].as_str().unwrap()]).ends(0);
    place.regrow("resume --no-wait").ends(3);
    let again = place.step("platform")["asks"].clone();
    assert_ne!(again["code"], asked["code"]);
    assert!(!again["what"].to_string().contains("create terraform_data.made[0]"), "{again}");
    assert_eq!(made(&place), ["0"]);
    place.argv(&["approve", "platform", "--code", again["code"].as_str().unwrap()]).ends(0);
    place.regrow("resume --no-wait").ends(0);
    assert_eq!(made(&place), ["0", "1"]);
}

const SECRETS: &str = r#"
variable "password" {
  type      = string
  sensitive = true
}
variable "loud" {
  type    = string
  default = "x"
}
resource "terraform_data" "holds" {
  input = var.password
  provisioner "local-exec" {
    command = "echo $LOUD >> ../out"
    environment = { LOUD = "${var.loud}" }
  }
}
resource "terraform_data" "says" {
  provisioner "local-exec" {
    command = "echo the word is ${nonsensitive(var.password)}"
  }
}
output "password" {
  value     = var.password
  sensitive = true
}
output "short" {
  value     = nonsensitive(var.password) == "" ? "" : "abc"
  sensitive = true
}
output "open" {
  value = "open"
}
"#;

#[test]
fn what_is_sensitive_is_found_nowhere() {
    let secret = "hush-4711-hush";
    let place =
        place(SECRETS, ", vars: { password: \"{{ secrets.pw }}\" }", "secrets: { pw: { from: env, key: PW } }\n");
    for (id, more) in [("run1", ""), ("run2", "loud = \"now\"\n")] {
        // The second time there is a state to copy that holds it.
        place.write("infra/terraform.tfvars", more);
        if id == "run2" {
            place.write("infra/more.tf", "resource \"terraform_data\" \"more\" {}\n");
        }
        let mut command =
            place.command(super::support::REGROW, &["run", "book.yaml", "--yes", "--no-wait", "--run-id", id]);
        command.env("PW", secret);
        let said = super::support::finish(command).ends(0);
        assert!(!said.stdout.contains(secret) && !said.stderr.contains(secret));
    }
    assert_eq!(place.step("platform")["outputs"], json!({"open": "open", "password": "(secret)"}));
    let log = place.regrow("logs platform --run run1").ends(0).stdout;
    assert!(log.contains("the word is ***") && log.contains("not put out: `short`"), "{log}");
    let mut found = Vec::new();
    holding(&place.path("state"), secret, &mut found);
    assert!(found.is_empty(), "{found:?}");
    // The saved plan is compressed: it must be gone as a whole.
    assert!(!place.path("state/runs/run1/work/run1.platform.1.0.terraform/plan").exists());
}

/// Its time is up and nothing ends it: it is late, is given more time in the midst of it, and is done once.
#[test]
fn an_apply_beyond_its_timeout_is_late_and_may_be_given_more_time() {
    let place =
        place(MODULE, ", vars: { n: 1, pause: \"until test -e ../go; do sleep 0.1; done\" }", "    timeout: 2s\n");
    let run = place.start("run book.yaml --yes --run-id run1");
    place.until_step("platform", "late");
    let page = place.regrow("status run1").ends(0).stdout;
    assert!(page.contains("regrow extend platform 30m"), "{page}");
    place.regrow("extend platform 30m").ends(0);
    place.until_step("platform", "running");
    place.write("go", "");
    run.end().ends(0);
    assert_eq!(made(&place), ["0"]);
    let told = place.regrow("events run1 --json").ends(0).stdout;
    for (kind, times) in [("step_late", 1), ("step_extended", 1)] {
        assert_eq!(told.matches(&format!("\"kind\":\"{kind}\"")).count(), times, "{kind}: {told}");
    }
}

const BORN: &str = r#"
resource "terraform_data" "token" {
  input = "born-in-the-module"
}
output "access" {
  value     = { user = "app", token = terraform_data.token.output }
  sensitive = true
}
"#;

/// A value that only the module knows, within a map, goes to the next step and nowhere else.
#[test]
fn a_sensitive_output_is_used_by_a_later_step() {
    let place = place(BORN, "", "");
    let book = place.read("book.yaml");
    let use_it = "  - id: log-in\n    needs: [platform]\n    run: test ${#TOKEN} -eq 18; echo in with $TOKEN\n    \
        with: { env: { TOKEN: \"{{ steps.platform.outputs.access.token }}\" } }\n";
    place.write("book.yaml", &format!("{book}{use_it}"));
    run_id(&place, "run1", 0);
    assert!(place.regrow("logs log-in --run run1").ends(0).stdout.contains("in with ***"));
    // Only now it is known to be secret: no field takes it that would show it.
    let shows = use_it.replace("log-in", "show-it").replace("env: { TOKEN: ", "dir: ").replace(" }\n", "\n");
    place.write("book.yaml", &format!("{book}{shows}"));
    run_id(&place, "run2", 1);
    assert_eq!(place.step("show-it")["fault"]["code"], json!("RG0405"));
    let mut found = Vec::new();
    holding(&place.path("state"), "born-in-the-module", &mut found);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn a_variable_that_the_module_does_not_have_is_refused() {
    let place = place(MODULE, ", vars: { m: 3 }", "");
    run_id(&place, "run1", 1);
    assert!(fault(&place).contains("RG2714"), "{}", fault(&place));
    assert!(fault(&place).contains("it has: ") && made(&place).is_empty());
}

const WITH_A_PROVIDER: &str = r#"
terraform {
  required_providers {
    ours = {
      source  = "example.test/regrow/ours"
      version = "1.2.3"
    }
  }
}
resource "ours_thing" "x" {}
"#;

#[test]
fn providers_come_from_the_mirror_beside_the_runbook_and_the_lockfile_is_only_read() {
    let place = place(WITH_A_PROVIDER, "", "");
    let lockfile = place.path("infra/.terraform.lock.hcl");
    fs::create_dir(place.path("terraform-mirror")).unwrap();
    run_id(&place, "run1", 1);
    let said = fault(&place);
    assert!(said.contains("RG2704") && said.contains("/terraform-mirror") && said.contains("regrow/ours"), "{said}");
    // A provider that says nothing is enough for what is looked at here: init does not call it.
    let arch = if cfg!(target_arch = "aarch64") { "linux_arm64" } else { "linux_amd64" };
    let folder = place.path(format!("terraform-mirror/example.test/regrow/ours/1.2.3/{arch}"));
    fs::create_dir_all(&folder).unwrap();
    let program = folder.join("terraform-provider-ours_v1.2.3");
    fs::write(&program, "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    run_id(&place, "run2", 1);
    assert!(fault(&place).contains("lock file is read-only"), "{}", fault(&place));
    assert!(!lockfile.exists());
    by_hand(&place, &["providers", "lock", "-fs-mirror=../terraform-mirror"]);
    let locked = fs::read_to_string(&lockfile).unwrap();
    // Installed from there: now it is the plan that it has nothing to say to.
    run_id(&place, "run3", 1);
    assert!(fault(&place).contains(&format!("{} plan failed", binary())), "{}", fault(&place));
    assert_eq!(fs::read_to_string(&lockfile).unwrap(), locked);
    // It was another one when it was locked.
    fs::write(&program, "#!/bin/sh\nexit 2\n").unwrap();
    run_id(&place, "run4", 1);
    assert!(fault(&place).contains("checksums"), "{}", fault(&place));
}

#[test]
fn the_commit_of_the_module_and_what_is_not_in_it_are_shown() {
    let place = place(MODULE, "", "    approval: {}\n");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command
            .args(["-c", "user.name=x", "-c", "user.email=x@example.org"])
            .args(arguments)
            .current_dir(place.path("infra"));
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["init", "--quiet"]);
    git(&["add", "main.tf"]);
    git(&["commit", "--quiet", "-m", "first"]);
    let commit = git(&["rev-parse", "HEAD"])[..12].to_string();
    let shown = |id: &str| {
        place.regrow(&format!("run book.yaml --yes --no-wait --run-id {id}")).ends(3);
        place.step("platform")["asks"]["what"].to_string()
    };
    assert!(shown("run1").contains(&format!("at commit {commit}, nothing uncommitted")), "{}", shown("run9"));
    place.write("infra/extra.tf", "# new\n");
    let dirty = shown("run2");
    assert!(dirty.contains(&format!("at commit {commit}, with uncommitted changes: extra.tf")), "{dirty}");
}

#[test]
fn an_apply_that_takes_too_long_is_late_and_is_let_go_on() {
    let place = place(MODULE, ", vars: { pause: sleep 2 }", "    timeout: 1s\n");
    run_id(&place, "run1", 0);
    let events = place.regrow("events --json").ends(0).stdout;
    assert_eq!(events.matches("\"kind\":\"step_late\"").count(), 1, "{events}");
    assert_eq!(made(&place), ["0", "1"]);
}
