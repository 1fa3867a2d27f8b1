use tokio::process::Command;

/// A program that the bench itself runs; it ends with its handle.
pub(crate) fn command(program: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "fixed programs: argument vectors, no shell")]
    let mut command = Command::new(program);
    command.env_clear().env("PATH", std::env::var("PATH").unwrap()).env("LC_ALL", "C.UTF-8").kill_on_drop(true);
    command
}

/// Runs a program to its end, which must be a good one; what it printed.
pub(crate) async fn run(command: &mut Command) -> String {
    let output = command.output().await.unwrap();
    assert!(output.status.success(), "{:?}: {}", command.as_std(), String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
