#!/usr/bin/env bash
# Counts what makes the source hard or easy to read and prints a table. Each figure is one to look at, not a gate.
# Usage: tools/house-figures.sh [FOLDER...]            one column for each folder; without a folder: this repository
#        tools/house-figures.sh --sentences FILE...     the sentences of Markdown files, the longest first, each behind its number of words
# Needs bash, find, sort and awk.
set -euo pipefail
export LC_ALL=C

odd='who|whom|whose|whoever|whomever|nobody|somebody|anybody|everybody|anew|nought|whence|thence|hither|thither|reckon|reckons|reckoned|reckoning'

# Source files below the folders, without what the build writes.
sources() { find "$@" -name '*.cs' -not -path '*/bin/*' -not -path '*/obj/*' 2>/dev/null | sort; }

# The text of all source files through one awk program.
over_all() { local program=$1; shift; sources "$@" | tr '\n' '\0' | xargs -0 -r cat | awk "$program"; }

line_counts() { sources "$1/src" | tr '\n' '\0' | xargs -0 -r wc -l | awk '$2 != "total" { print $1 }' | sort -n; }

# Words of the comments, and how many of them are odd, as odd words in 10 000.
odd_words() {
  over_all '
    { at = match($0, /(^|[ \t])\/\/\/?([ \t]|$)/) }
    at {
      text = substr($0, at + RLENGTH)
      gsub(/<[^>]*>/, " ", text)
      count = split(tolower(text), words, /[^a-z0-9_'"'"'-]+/)
      for (i = 1; i <= count; i++) if (words[i] ~ /[a-z]/) { all++; if (words[i] ~ /^('"$odd"')$/) found++ }
    }
    END { if (all) printf "%.1f (%d of %d)\n", 10000 * found / all, found, all; else print "none" }' "$@"
}

# One sentence a line, "words file: text". Code blocks are left out; a heading, a list item and a table cell end a sentence.
sentences() {
  awk '
    function say(text,   count, words, file) {
      gsub(/^[ *|#>-]+|[ *|]+$/, "", text)
      count = split(text, words, /[ \t]+/)
      file = name; sub(/.*\//, "", file)
      if (text != "") print count, file ": " text
    }
    function cut(text,   at) {
      while ((at = match(text, /[.!?]["*)]*[ \t]+[A-Z0-9`*"(\[]/)) > 0) {
        end = at + RLENGTH - 2
        say(substr(text, 1, end))
        text = substr(text, end + 1)
      }
      say(text)
    }
    function finish() { cut(held); held = "" }
    FNR == 1 { finish(); code = 0; name = FILENAME }
    /^[ \t]*```/ { finish(); code = !code; next }
    code { next }
    /^[ \t]*$/ || /^#/ { finish(); if (/^#/) say($0); next }
    /^[ \t]*\|/ { finish(); row = $0; gsub(/\\\|/, " ", row); count = split(row, cells, "|"); for (i = 1; i <= count; i++) cut(cells[i]); next }
    /^[ \t]*([*-]|[0-9]+\.)[ \t]/ { finish(); sub(/^[ \t]*([*-]|[0-9]+\.)[ \t]+/, "") }
    { held = held " " $0 }
    END { finish() }' "$@"
}

figures() {
  local root=$1
  echo "source files in src|$(sources "$root/src" | wc -l)"
  echo "median of their lines|$(line_counts "$root" | awk '{ n[NR] = $1 } END { print n[int((NR + 1) / 2)] }')"
  echo "share with 25 lines or fewer|$(line_counts "$root" | awk '$1 <= 25 { small++ } END { printf "%.0f %%\n", 100 * small / NR }')"
  # Continuation bytes of UTF-8 are no columns.
  echo "lines over 140 columns, src and tests|$(over_all 'BEGIN { wide = 0 } { gsub(/[\200-\277]/, "") } length($0) > 140 { wide++ } END { print wide }' "$root/src" "$root/tests")"
  echo "odd words in 10 000 of comments, src|$(odd_words "$root/src")"
  echo "odd words in 10 000 of comments, tests|$(odd_words "$root/tests")"
  echo "odd words in README, ARCHITECTURE, docs|$(cat "$root"/*.md "$root"/docs/*.md "$root"/docs/*/*.md | tr -cs "A-Za-z0-9_'-" '\n' | tr A-Z a-z | grep -cxE "$odd" || true)"
  echo "sentences over 40 words in docs/*.md|$(sentences "$root"/docs/*.md | awk 'BEGIN { long = 0 } $1 > 40 { long++ } END { print long " of " NR }')"
  echo "longest sentence in docs/*.md|$(sentences "$root"/docs/*.md | sort -rn | awk 'NR == 1 { print $1 " words, " $2 }' | tr -d ':')"
  echo "words of ARCHITECTURE.md|$(wc -w < "$root/ARCHITECTURE.md" | tr -d ' ')"
  echo "Reads() and Writes() by hand in src|$(over_all 'BEGIN { count = 0 } { count += gsub(/\.(Reads|Writes)\(/, "") } END { print count }' "$root/src")"
}

[ $# -gt 0 ] || set -- "$(cd "$(dirname "$0")/.." && pwd)"
if [ "$1" = --sentences ]; then
  sentences "${@:2}" | sort -rn
  exit
fi
table=$(figures "$1")
for root in "${@:2}"; do
  table=$(paste -d '|' <(echo "$table") <(figures "$root" | cut -d '|' -f 2))
done
echo "$table" | awk -F '|' '{ printf "%-42s", $1; for (i = 2; i <= NF; i++) printf "%-24s", $i; print "" }'
