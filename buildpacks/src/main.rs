//! The buildpacks that the platform ships, in one program (Buildpack API 0.10).
//!
//! In the build image it stands as `/cnb/buildpacks/{id}/{version}/bin/detect` and `…/bin/build`; the name that it is
//! called by says which phase, and `buildpack.toml` beside `bin` which buildpack. Under the name `static-server` it is
//! the web server of apps that are files, which the buildpack for them copies into their image.

mod exec;
mod go;
mod java;
mod language;
mod nodejs;
mod php;
mod python;
mod ruby;
mod server;
mod static_files;

use std::path::Path;
use std::process::ExitCode;

use libcnb::libcnb_runtime;
use serde::Deserialize;

#[derive(Deserialize)]
struct Descriptor {
    buildpack: Id,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

fn main() -> ExitCode {
    let arguments = std::env::args().collect::<Vec<_>>();
    let called = arguments.first().map(Path::new).and_then(Path::file_name);
    if called.is_some_and(|name| name == static_files::SERVER) {
        return server::main(arguments.get(1).map_or(".", String::as_str));
    }
    let folder = std::env::var_os("CNB_BUILDPACK_DIR").unwrap_or_default();
    let descriptor = std::fs::read_to_string(Path::new(&folder).join("buildpack.toml")).unwrap_or_default();
    // The library ends the process with the exit status that the specification asks for.
    match toml::from_str(&descriptor).map(|descriptor: Descriptor| descriptor.buildpack.id).as_deref() {
        Ok("deis/go") => libcnb_runtime(&go::GoBuildpack),
        Ok("deis/java") => libcnb_runtime(&java::JavaBuildpack),
        Ok("deis/nodejs") => libcnb_runtime(&nodejs::NodejsBuildpack),
        Ok("deis/php") => libcnb_runtime(&php::PhpBuildpack),
        Ok("deis/python") => libcnb_runtime(&python::PythonBuildpack),
        Ok("deis/ruby") => libcnb_runtime(&ruby::RubyBuildpack),
        Ok("deis/static") => libcnb_runtime(&static_files::StaticBuildpack),
        _ => complain("CNB_BUILDPACK_DIR does not name a buildpack of this program"),
    }
    ExitCode::FAILURE
}

/// A step, for the person who pushed.
#[expect(clippy::print_stdout, reason = "what a buildpack prints is what the person who pushed sees")]
fn step(text: &str) {
    println!("-----> {text}");
}

/// Why it does not go on.
#[expect(clippy::print_stderr, reason = "what a buildpack prints is what the person who pushed sees")]
fn complain(text: &str) {
    eprintln!("{text}");
}
