# Reads "go test -json": shows a line for each package, the names of skipped tests, and all that a failed test printed.
# Appends "passed failed skipped" to the file counts. With strict, a skip is a failure.

function field(name,    at, rest, i, c, out) {
  at = index($0, "\"" name "\":\"")
  if (!at) return ""
  rest = substr($0, at + length(name) + 4)
  out = ""
  for (i = 1; i <= length(rest); i++) {
    c = substr(rest, i, 1)
    if (c == "\"") return out
    if (c == "\\") {
      c = substr(rest, ++i, 1)
      if (c == "n") c = "\n"
      else if (c == "t") c = "\t"
      else if (c == "r") c = ""
      else if (c == "u") {
        c = substr(rest, i + 1, 4)
        i += 4
        c = (c == "003c") ? "<" : (c == "003e") ? ">" : (c == "0026") ? "&" : "?"
      }
    }
    out = out c
  }
  return out
}

!/^\{/ { print; next }

{
  action = field("Action")
  test = field("Test")
  key = field("Package") " " test
}

action == "build-output" { printf "%s", field("Output"); next }

action == "output" {
  text = field("Output")
  if (test == "" && text ~ /^(ok|FAIL)[ \t]/) printf "%s", text
  else printed[key] = printed[key] text
  next
}

action == "pass" && test != "" { passed++; delete printed[key] }

action == "skip" && test != "" {
  skipped++
  print (strict ? "SKIP, which is a failure here: " : "skipped: ") key
  if (strict) failed++
  delete printed[key]
}

action == "fail" {
  if (test != "") { failed++; some[field("Package")] = 1 }
  else if (!(field("Package") in some)) failed++  # it did not compile, or died outside a test
  printf "%s", printed[key]
  delete printed[key]
  # When a package dies, what its unfinished tests printed is what there is to see: a time-out, a signal.
  if (test == "") for (k in printed) if (index(k, field("Package") " ") == 1) { printf "%s", printed[k]; delete printed[k] }
}

END {
  print passed + 0, failed + 0, skipped + 0 >> counts
  close(counts)
  if (strict && skipped) exit 1
}
