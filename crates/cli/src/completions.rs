use clap::{Command, ValueEnum};
use clap_complete::generate;

/// The shells that we write completions for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// The completion script of a command line whose sub-commands may have colons in their names (`apps:create`).
#[must_use]
pub fn completions(mut command: Command, shell: Shell) -> String {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    let generator = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    generate(generator, &mut command, &name, &mut script);
    let script = String::from_utf8_lossy(&script).into_owned();
    match shell {
        Shell::Bash => script + &bash_colons(&name),
        Shell::Zsh => zsh_colons(script, &command),
        Shell::Fish => script,
    }
}

/// Bash breaks words at colons. This joins them before the generated function sees them, and cuts off again what
/// bash keeps of the word; the user's own `COMP_WORDBREAKS` stays as it is.
fn bash_colons(name: &str) -> String {
    let function = name.replace('-', "__");
    format!(
        r#"
_{function}_colons() {{
    local word words=() cur="${{COMP_WORDS[COMP_CWORD]}}"
    local -i at=0 index
    for ((index = 0; index <= COMP_CWORD; index++)); do
        word="${{COMP_WORDS[index]}}"
        if ((index > 1)) && [[ $word == :* || ${{COMP_WORDS[index - 1]}} == *: ]]; then
            words[at]+="$word"
        else
            ((index == 0)) || at+=1
            words[at]="$word"
        fi
    done
    COMP_WORDS=("${{words[@]}}")
    COMP_CWORD=$at
    _{function} "$1" "${{words[at]}}" "${{words[at - 1]}}"
    local kept="${{words[at]%"${{words[at]##*:}}"}}"
    COMPREPLY=("${{COMPREPLY[@]#"$kept"}}")
}}
complete -F _{function}_colons -o bashdefault -o default {name}
"#
    )
}

/// Zsh takes `name:description` apart at the first colon that is not escaped.
fn zsh_colons(script: String, command: &Command) -> String {
    command
        .get_subcommands()
        .flat_map(|command| std::iter::once(command.get_name()).chain(command.get_visible_aliases()))
        .filter(|name| name.contains(':'))
        .fold(script, |script, name| {
            script.replace(&format!("\n'{name}:"), &format!("\n'{}:", name.replace(':', "\\:")))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        Command::new("deis").subcommand(Command::new("apps:create").visible_alias("create").about("Make an app"))
    }

    #[test]
    fn zsh_is_given_names_whose_colons_are_escaped() {
        let script = completions(command(), Shell::Zsh);
        assert!(script.contains("\n'apps\\:create:Make an app'"), "{script}");
        assert!(script.contains("\n'create:Make an app'"), "{script}");
    }

    #[test]
    fn fish_is_given_every_name() {
        let script = completions(command(), Shell::Fish);
        assert!(script.contains("-a \"apps:create\""), "{script}");
    }
}
