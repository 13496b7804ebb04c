//! The servers of the rig, from the outside: they answer, they keep to themselves, they leave nothing.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::time::Duration;

use rig::Scratch;
use rig::process::{Identity, descendants, wait_gone};
use rig::servers::{Cluster, Dns, MinIo, Moto, Postgres, Running, StopMode, Velero};

fn all_of(server: &Postgres) -> BTreeSet<Identity> {
    let postmaster = server.process().expect("it runs");
    let mut all = descendants(postmaster);
    all.insert(postmaster);
    all
}

fn ask(url: &str, password: &str) -> Result<String, String> {
    let output = Command::new("psql")
        .args(["-XAtqw", "-d", url, "-c", "select current_user"])
        .env("PGPASSWORD", password)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap().trim().to_string();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

#[test]
fn it_answers_and_its_role_needs_its_password() {
    let scratch = Scratch::new().unwrap();
    let server = Postgres::start(&scratch).unwrap();
    assert_eq!(server.sql("lms", "select 1").unwrap(), "1");
    assert_eq!(ask(&server.superuser_url(), ""), Ok("regrow".to_string()));
    assert_eq!(ask(&server.url(), server.lms_password()), Ok("lms".to_string()));
    let refused = ask(&server.url(), "wrong").unwrap_err();
    assert!(refused.contains("password authentication failed"), "{refused}");
}

#[test]
fn two_at_once_are_two() {
    let scratch = Scratch::new().unwrap();
    let (first, second) = std::thread::scope(|scope| {
        let first = scope.spawn(|| Postgres::start(&scratch).unwrap());
        let second = scope.spawn(|| Postgres::start_plain(&scratch).unwrap());
        (first.join().unwrap(), second.join().unwrap())
    });
    assert_ne!(first.port(), second.port());
    let identifier = "select system_identifier from pg_control_system()";
    assert_ne!(first.sql("lms", identifier).unwrap(), second.sql("lms", identifier).unwrap());
}

#[test]
fn nothing_is_left_after_drop_whatever_goes_first() {
    for scratch_first in [false, true] {
        let scratch = Scratch::new().unwrap();
        let folder = scratch.path().to_path_buf();
        let server = Postgres::start(&scratch).unwrap();
        let processes = all_of(&server);
        assert!(processes.len() > 3, "{processes:?}");
        if scratch_first {
            drop(scratch);
            drop(server);
        } else {
            drop(server);
            drop(scratch);
        }
        assert!(wait_gone(&processes, Duration::from_secs(1)), "{processes:?}");
        assert!(!folder.exists());
    }
}

#[test]
fn nothing_is_left_after_a_panic() {
    let (send, receive) = std::sync::mpsc::channel();
    let panicked = std::thread::spawn(move || {
        let scratch = Scratch::new().unwrap();
        let server = Postgres::start(&scratch).unwrap();
        send.send((scratch.path().to_path_buf(), all_of(&server))).unwrap();
        panic!("on purpose");
    });
    let (folder, processes) = receive.recv().unwrap();
    panicked.join().unwrap_err();
    assert!(wait_gone(&processes, Duration::from_secs(1)));
    assert!(!folder.exists());
}

#[test]
fn it_comes_back_after_a_crash_on_the_same_port() {
    let scratch = Scratch::new().unwrap();
    let mut server = Postgres::start(&scratch).unwrap();
    let port = server.port();
    server.sql("lms", "create table kept as select 42 as answer").unwrap();
    server.kill().unwrap();
    assert!(server.sql("lms", "select 1").is_err());
    server.restart().unwrap();
    assert_eq!(server.port(), port);
    assert_eq!(server.sql("lms", "table kept").unwrap(), "42");
    server.stop(StopMode::Fast).unwrap();
    assert!(server.process().is_none());
}

/// By hand what `postgres.restore` does: backup and archive of the rig are good for a recovery to a moment.
#[test]
fn backup_and_archive_lead_back_to_a_moment() {
    let scratch = Scratch::new().unwrap();
    let live = Postgres::start(&scratch).unwrap();
    live.sql("lms", "create table orders as select * from generate_series(1, 1000)").unwrap();
    let base = scratch.folder("backups").unwrap().join("base");
    live.base_backup(&base).unwrap();
    assert!(base.join("backup_manifest").exists());
    live.sql("lms", "insert into orders select 1001").unwrap();
    let as_of = live.sql("lms", "select clock_timestamp()").unwrap();
    live.sql("lms", "drop table orders").unwrap();
    let segment = live.switch_wal().unwrap();
    assert!(live.archive_dir().join(&segment).exists());

    let settings = format!(
        "\narchive_mode = off\nrestore_command = 'cp {}/%f %p'\nrecovery_target_time = '{as_of}'\nrecovery_target_action = promote\nlisten_addresses = ''\nunix_socket_directories = '{}'\n",
        live.archive_dir().display(),
        base.display()
    );
    let config = base.join("postgresql.conf");
    fs::write(&config, fs::read_to_string(&config).unwrap() + &settings).unwrap();
    fs::write(base.join("recovery.signal"), "").unwrap();
    let log = base.join("log");
    let started = live
        .account()
        .command(&live.bin_dir().join("pg_ctl"))
        .args(["-w", "-s", "start", "-l"])
        .arg(&log)
        .arg("-D")
        .arg(&base)
        .status()
        .unwrap();
    assert!(started.success(), "{}", fs::read_to_string(log).unwrap_or_default());
    let count = "select count(*) from orders";
    let port = live.port().to_string();
    let output = Command::new("psql")
        .args(["-XAtq", "-U", "regrow", "-p", &port, "-d", "lms", "-c", count, "-h"])
        .arg(&base)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1001");

    // Nobody stops that copy: it must end with the scratch, as the copies of regrow must.
    let pid = fs::read_to_string(base.join("postmaster.pid")).unwrap().lines().next().unwrap().parse().unwrap();
    let copy = Identity::of(pid).unwrap();
    drop(scratch);
    assert!(wait_gone(&BTreeSet::from([copy]), Duration::from_secs(1)));
}

#[test]
fn a_change_of_dns_is_seen_at_the_primary_at_once_and_at_the_secondary_later() {
    let scratch = Scratch::new().unwrap();
    let dns = Dns::start_lagging(&scratch, Duration::from_secs(2)).unwrap();
    let (primary, secondary) = (dns.server(), dns.secondary());
    let asked = |server: &str| dns.dig(server, "new", "A").unwrap();
    assert_eq!(dns.dig(&secondary, "db", "CNAME").unwrap(), ["old.example.test."]);
    dns.update("update add new.example.test. 60 A 192.0.2.1").unwrap();
    assert_eq!(asked(&primary), ["192.0.2.1"]);
    assert!(asked(&secondary).is_empty(), "it lags");
    let begun = std::time::Instant::now();
    while asked(&secondary).is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20), "it does not come after");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(dns.dig(&dns.resolver(), "new", "A").unwrap(), ["192.0.2.1"]);
    assert!(dns.update("prereq nxrrset new.example.test. A\nupdate add other.example.test. 60 A 192.0.2.1").is_err());
    let env = dns.env();
    let secret = env.iter().find(|(name, _)| name == "RIG_DNS_TSIG_SECRET").unwrap();
    assert_eq!(secret.1, dns.tsig_secret());
}

#[test]
fn no_name_server_is_left() {
    let scratch = Scratch::new().unwrap();
    let folder = scratch.path().to_path_buf();
    let before = descendants(Identity::own().unwrap());
    let dns = Dns::start(&scratch).unwrap();
    let ours: BTreeSet<Identity> = descendants(Identity::own().unwrap())
        .difference(&before)
        .copied()
        .filter(|process| {
            fs::read_to_string(format!("/proc/{}/cmdline", process.pid))
                .is_ok_and(|line| line.contains(folder.to_str().unwrap()))
        })
        .collect();
    assert_eq!(ours.len(), 3, "{ours:?}");
    drop(dns);
    assert!(wait_gone(&ours, Duration::from_secs(1)), "{ours:?}");
    drop(scratch);
    assert!(!folder.exists());
}

#[test]
fn an_object_is_written_once_where_nothing_may_be_there_and_no_moto_is_left() {
    let scratch = Scratch::new().unwrap();
    let server = Moto::start(&scratch).unwrap();
    assert_eq!(server.ask("PUT", "/bucket", "").unwrap().0, 200);
    let put = |body: &str| server.ask_with("PUT", "/bucket/lock", "If-None-Match: *", body).unwrap().0;
    assert_eq!((put("first"), put("second")), (200, 412));
    assert_eq!(server.ask("GET", "/bucket/lock", "").unwrap(), (200, "first".to_string()));
    assert_eq!(server.ask("DELETE", "/bucket/lock", "").unwrap().0, 204);
    assert_eq!(server.ask("GET", "/bucket/lock", "").unwrap().0, 404);
    let process = server.process().unwrap();
    drop(server);
    assert!(!process.is_alive());
}

/// `with.rs` does what its env is for; here only that it is up, that it keeps its doors shut, and that it goes.
#[test]
fn minio_refuses_who_has_no_signature_and_is_gone_with_its_drop() {
    let scratch = Scratch::new().unwrap();
    let (one, other) = (MinIo::start(&scratch).unwrap(), MinIo::start(&scratch).unwrap());
    assert_ne!(one.endpoint(), other.endpoint());
    let process = one.process().unwrap();
    let listening =
        Command::new("curl").args(["-s", "-o", "/dev/null", "-w", "%{http_code}", &one.endpoint()]).output();
    assert_eq!(String::from_utf8_lossy(&listening.unwrap().stdout), "403");
    drop(one);
    assert!(!process.is_alive());
    assert!(other.process().unwrap().is_alive());
}

/// A namespace comes back from the bucket, and nothing of Velero is left.
#[test]
fn velero_backs_up_a_namespace_and_is_gone_with_its_plugins() {
    let scratch = Scratch::new().unwrap();
    let (cluster, s3) = (Cluster::start(&scratch).unwrap(), MinIo::start(&scratch).unwrap());
    let velero = Velero::start(&scratch, &cluster, &s3).unwrap();
    cluster.said(&["create", "namespace", "edx"]).unwrap();
    cluster.said(&["create", "configmap", "settings", "-n", "edx", "--from-literal=theme=dark"]).unwrap();
    velero.backup("nightly", "edx", &[]).unwrap();
    cluster.said(&["delete", "namespace", "edx"]).unwrap();
    let restored = velero.said(&["restore", "create", "again", "--from-backup", "nightly", "--wait"]).unwrap();
    assert!(restored.contains("with status: Completed"), "{restored}");
    let theme = ["get", "configmap", "settings", "-n", "edx", "-o", "jsonpath={.data.theme}"];
    assert_eq!(cluster.said(&theme).unwrap(), "dark");
    let processes = velero.processes();
    drop(velero);
    assert!(wait_gone(&processes, Duration::from_secs(1)), "{processes:?}");
}
