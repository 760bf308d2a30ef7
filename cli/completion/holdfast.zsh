#compdef holdfast
# zsh completion of holdfast: source <(holdfast completion zsh), below compinit; or as _holdfast in a directory of $fpath.
_holdfast() {
  local line
  local -a lines offers
  # What was typed, without its quotes; nothing of it is evaluated.
  lines=("${(@f)$(command -- "${(Q)words[1]}" __complete "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  for line in $lines; do
    case $line in
      :file) _files && return ;;
      :directory) _files -/ && return ;;
      ?*) offers+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  (( $#offers )) && _describe holdfast offers
}
if [[ ${funcstack[1]} == _holdfast ]]; then
  _holdfast "$@"
else
  compdef _holdfast holdfast
fi
