//! The real binary: help, mistakes, exit codes, settings, examples. One process for each check, a
//! home folder of its own for each test, no network but refused loopback ports.
#![expect(clippy::unwrap_used, reason = "helpers of tests: a wrong assumption must end the test")]

mod answers;
mod auditors;
mod bad_input;
mod batches;
mod bench;
mod capability;
mod capture_settings;
mod captures;
mod checker;
mod crash;
mod example_jobs;
mod examples;
mod fleet;
mod flows;
mod gateway_apart;
mod gateway_apart_drill;
mod gateway_apart_load;
mod gateway_apart_receipts;
mod help;
mod mistakes;
mod offline;
mod platform;
mod secrets;
mod server;
mod serving;
mod settings;
mod sovereignty;
mod unwritten;
mod witnesses;

use std::{
    io::Write as _,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// A home folder in which the program runs.
struct Home {
    folder: tempfile::TempDir,
}

/// What a run gave.
struct Ran {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Home {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cocarde"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("HOME", self.folder.path())
            .env("PATH", "/usr/bin:/bin")
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    fn run_with(&self, arguments: &[&str], stdin: &[u8]) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The program may end without reading all of it.
        let _ = child.stdin.take().unwrap().write_all(stdin);
        Ran::of(child.wait_with_output().unwrap())
    }
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("the program was ended by a signal"),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Checks the exit code and that stderr holds these parts.
    #[track_caller]
    fn check(&self, code: i32, stderr_parts: &[&str]) {
        assert_eq!(self.code, code, "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        for part in stderr_parts {
            assert!(self.stderr.contains(part), "`{part}` is missing in: {}", self.stderr);
        }
    }
}

/// An address at which nobody listens: one of loopback that no other test uses (RFC 1122 §3.2.1.3),
/// so that none takes the port once it is free again.
fn nobody() -> String {
    let listener = TcpListener::bind("127.83.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}
