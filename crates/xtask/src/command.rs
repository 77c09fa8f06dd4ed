//! Children: how they are started, watched and how their failure reads.

use std::{
    env,
    ffi::{OsStr, OsString},
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{check::WHOLE, places::Places};

/// A command in the checkout with the steps' `PATH` and target directory.
pub fn command(places: &Places, program: impl AsRef<OsStr>) -> Command {
    let program = program.as_ref();
    // A child's PATH is not always what its program is looked up in, so look here.
    let found = which(places, program).map_or_else(|| program.to_os_string(), PathBuf::into_os_string);
    let mut command = Command::new(found);
    command.current_dir(&places.root).env("PATH", places.path()).env("CARGO_TARGET_DIR", &places.target);
    // What `cargo run` told this program about itself is not true of the children.
    for (name, _) in env::vars_os() {
        if let Some(text) = name.to_str()
            && (text == "CARGO" || text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_"))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// `cargo` with the person's toolchain.
pub fn cargo(places: &Places) -> Command {
    command(places, "cargo")
}

/// Compiles the native command and returns its file.
///
/// The whole workspace is named, so that its dependencies have the features that the native tests compile them with.
pub fn innspect(places: &Places) -> Result<PathBuf> {
    run(cargo(places).args(["test", "--quiet", "--no-run"]).args(WHOLE).args(["--test", "command"]))?;
    Ok(places.target.join("debug").join(format!("innspect{}", env::consts::EXE_SUFFIX)))
}

/// The file that a program's name stands for, if it is installed.
pub fn which(places: &Places, program: impl AsRef<OsStr>) -> Option<PathBuf> {
    let program = Path::new(program.as_ref());
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_path_buf());
    }
    env::split_paths(&places.path())
        .map(|folder| folder.join(program))
        .flat_map(|file| [file.clone(), file.with_added_extension(env::consts::EXE_EXTENSION)])
        .find(|file| file.is_file())
}

/// Runs a command, its output going to the terminal; a failure is an error that names it.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start `{}`", show(command)))?;
    if !status.success() {
        bail!("`{}` failed ({status})", show(command));
    }
    Ok(())
}

/// Runs a command and returns what it printed on standard output.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .with_context(|| format!("cannot start `{}`", show(command)))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!("`{}` failed ({}): {}", show(command), output.status, last_line(&complaint));
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` printed no text", show(command)))
}

/// Runs a quiet command for at most `limit`; its output is kept and shown only in the error.
pub fn run_quietly(command: &mut Command, limit: Duration) -> Result<()> {
    let shown = show(command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let drain = |pipe: Option<Box<dyn std::io::Read + Send>>| {
        thread::spawn(move || {
            let mut text = String::new();
            if let Some(mut pipe) = pipe {
                pipe.read_to_string(&mut text).ok();
            }
            text
        })
    };
    let output = drain(child.stdout.take().map(|pipe| Box::new(pipe) as _));
    let errors = drain(child.stderr.take().map(|pipe| Box::new(pipe) as _));
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().with_context(|| format!("lost sight of `{shown}`"))? {
            break status;
        }
        if start.elapsed() > limit {
            child.kill().ok();
            child.wait().ok();
            bail!("`{shown}` took longer than {} s", limit.as_secs());
        }
        thread::sleep(Duration::from_millis(20));
    };
    let (output, errors) = (output.join().unwrap_or_default(), errors.join().unwrap_or_default());
    if !status.success() {
        let text = if errors.trim().is_empty() { &output } else { &errors };
        bail!("`{shown}` failed ({status}): {}", last_line(text));
    }
    Ok(())
}

/// Runs a command, shows its standard output as it comes and hands each line to `read`. Returns whether it succeeded.
pub fn watch(command: &mut Command, mut read: impl FnMut(&str)) -> Result<bool> {
    let shown = show(command);
    let mut child = command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{shown}`"))?;
    if let Some(pipe) = child.stdout.take() {
        let mut reader = BufReader::new(pipe);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).with_context(|| format!("cannot read what `{shown}` prints"))? > 0 {
            let line = String::from_utf8_lossy(&bytes);
            print!("{line}");
            std::io::stdout().flush().ok();
            read(line.trim_end());
            bytes.clear();
        }
    }
    Ok(child.wait().with_context(|| format!("lost sight of `{shown}`"))?.success())
}

/// A command as one would type it.
fn show(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let words: Vec<OsString> = std::iter::once(program).chain(command.get_args()).map(OsStr::to_os_string).collect();
    words.join(OsStr::new(" ")).to_string_lossy().into_owned()
}

fn last_line(text: &str) -> &str {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or("it printed nothing")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        Places::find().expect("a home folder")
    }

    #[test]
    fn a_failure_names_the_command_and_its_last_words() {
        let error = run_quietly(
            command(&places(), "sh").args(["-c", "echo first; echo last; exit 3"]),
            Duration::from_secs(20),
        )
        .expect_err("exit 3 is a failure")
        .to_string();
        assert!(error.starts_with("`sh -c"), "{error}");
        assert!(error.contains("exit status: 3") && error.ends_with(": last"), "{error}");
    }

    #[test]
    fn a_child_that_hangs_is_ended() {
        let start = Instant::now();
        let error = run_quietly(command(&places(), "sleep").arg("60"), Duration::from_millis(200))
            .expect_err("it hangs")
            .to_string();
        assert!(error.contains("took longer"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn lines_are_watched() {
        let mut lines = Vec::new();
        let fine =
            watch(command(&places(), "sh").args(["-c", "echo a; echo b; exit 1"]), |line| lines.push(line.to_owned()));
        assert!(!fine.expect("sh starts"));
        assert_eq!(lines, ["a", "b"]);
    }
}
