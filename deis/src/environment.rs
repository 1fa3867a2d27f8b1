//! Every environment variable that `deis` reads, read once.

use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

use deis_api::rest::Secret;

pub struct Environment {
    /// `HOME`: where `.deis` and `.ssh` are.
    pub home: Option<PathBuf>,
    /// `DEIS_PROFILE`: the client file, when `--config` is not given.
    pub profile: Option<String>,
    /// `DEIS_APP`: the app, when `--app` is not given.
    pub app: Option<String>,
    /// `DEIS_CONTROLLER`: the controller, in place of the one in the client file.
    pub controller: Option<String>,
    /// `DEIS_TOKEN`: the token, in place of the one in the client file.
    pub token: Option<Secret>,
    /// `DEIS_DRINK_OF_CHOICE`: what comes first.
    pub drink: String,
    /// `VISUAL`, else `EDITOR`: a program, perhaps with arguments, parted by blanks.
    pub editor: String,
    /// `http_proxy`, or `all_proxy`: whether one stands before controllers that speak HTTP. The HTTP client reads them itself.
    pub http_proxy: bool,
    /// `https_proxy`, or `all_proxy`: the same for HTTPS.
    pub https_proxy: bool,
}

impl Environment {
    pub fn read() -> Self {
        Self {
            home: value("HOME").map(PathBuf::from),
            profile: text("DEIS_PROFILE"),
            app: text("DEIS_APP"),
            controller: text("DEIS_CONTROLLER"),
            token: text("DEIS_TOKEN").map(Secret::from),
            drink: text("DEIS_DRINK_OF_CHOICE").unwrap_or_else(|| "coffee".to_owned()),
            editor: text("VISUAL").or_else(|| text("EDITOR")).unwrap_or_else(|| "vi".to_owned()),
            http_proxy: any(["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
            https_proxy: any(["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
        }
    }
}

/// An empty variable counts as one that is not set.
fn value(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn any(names: [&str; 4]) -> bool {
    names.iter().any(|name| value(name).is_some())
}

fn text(name: &str) -> Option<String> {
    value(name).map(|value| value.to_string_lossy().into_owned())
}
