//! The scripts that write.

use std::sync::LazyLock;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, ErrorKind, RedisError, RedisResult, Script, ServerErrorKind};

const COMMON: &str = include_str!("scripts/common.lua");

fn script(body: &str) -> Script {
    Script::new(&format!("{COMMON}\n{body}"))
}

/// Lines of one source, if it is where the caller believes it to be.
pub(super) static APPEND: LazyLock<Script> = LazyLock::new(|| script(include_str!("scripts/append.lua")));
/// One entry, without condition.
pub(super) static ADD: LazyLock<Script> = LazyLock::new(|| script(include_str!("scripts/add.lua")));
/// The end of an app.
pub(super) static DELETE: LazyLock<Script> = LazyLock::new(|| script(include_str!("scripts/delete.lua")));

/// Makes Redis know all scripts.
pub(super) async fn load(connection: &mut MultiplexedConnection) -> RedisResult<()> {
    for script in [&APPEND, &ADD, &DELETE] {
        script.prepare_invoke().load_async(connection).await?;
    }
    Ok(())
}

/// A call of a script, whose arguments follow.
pub(super) fn call(script: &Script, keys: &[&str]) -> Cmd {
    let mut cmd = redis::cmd("EVALSHA");
    cmd.arg(script.get_hash()).arg(keys.len()).arg(keys);
    cmd
}

/// Whether Redis has forgotten the scripts: it was started anew behind a connection that goes on, or somebody flushed them.
pub(super) fn is_forgotten(error: &RedisError) -> bool {
    error.kind() == ErrorKind::Server(ServerErrorKind::NoScript)
}
