//! `sops completion`
//!
//! The scripts ask the program itself: `sops WORDS… --generate-bash-completion` prints what may come next.

use super::super::failure::Failure;
use crate::io::output;

/// A shell that there is a script for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shell {
    Bash,
    Zsh,
}

/// Completes with the program's words, and with file names where it has none.
const BASH: &str = r#"# bash completion for sops: source <(sops completion bash)
_bulla_sops_words() {
  local current="${COMP_WORDS[COMP_CWORD]}" words
  COMPREPLY=()
  [ "${COMP_WORDS[0]}" = source ] && return 0
  if [[ "$current" == -* ]]; then
    words="$("${COMP_WORDS[@]:0:COMP_CWORD}" "$current" --generate-bash-completion 2>/dev/null)"
  else
    words="$("${COMP_WORDS[@]:0:COMP_CWORD}" --generate-bash-completion 2>/dev/null)"
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
}
complete -o bashdefault -o default -o nospace -F _bulla_sops_words sops
"#;

/// The variable asks for descriptions behind colons.
const ZSH: &str = r#"#compdef sops
# zsh completion for sops: source <(sops completion zsh)
_bulla_sops_words() {
  local -a found
  local current=${words[-1]}
  local -a before=(${words[@]:0:#words[@]-1})
  if [[ $current == -* ]]; then
    found=("${(@f)$(_CLI_ZSH_AUTOCOMPLETE_HACK=1 $before $current --generate-bash-completion 2>/dev/null)}")
  else
    found=("${(@f)$(_CLI_ZSH_AUTOCOMPLETE_HACK=1 $before --generate-bash-completion 2>/dev/null)}")
  fi
  if [[ -n ${found[1]} ]]; then
    _describe 'values' found
  else
    _files
  fi
}
compdef _bulla_sops_words sops
"#;

/// Prints the script. It calls the program with `--generate-bash-completion` as the last word.
pub(crate) fn run(shell: Shell) -> Result<u8, Failure> {
    let script = match shell {
        Shell::Bash => BASH,
        Shell::Zsh => ZSH,
    };
    output::write_stdout(script.as_bytes()).map_err(|error| Failure::generic(crate::report::os_error(&error)))?;
    Ok(0)
}
