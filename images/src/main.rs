//! `deis-images`: makes every container image of the platform, and pushes them to a registry.

use clap::Parser;

#[derive(Parser)]
#[command(about, version)]
enum Command {
    /// Make the images, those that changed, as one OCI layout
    Build(deis_images::commands::build::Args),
    /// Push the images of a layout to a registry
    Push(deis_images::commands::push::Args),
    /// Show which images there are and what they are made of
    List(deis_images::commands::list::Args),
}

fn main() -> anyhow::Result<()> {
    match Command::parse() {
        Command::Build(args) => args.run(),
        Command::Push(args) => args.run(),
        Command::List(args) => args.run(),
    }
}
